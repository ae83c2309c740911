#!/bin/sh
# A run whose agents are started over ssh, one on each host; they end with their connections.
#
#     framewire machines keys gpu-0 gpu-1
#     deploy/agents/over-ssh.sh pipeline.yaml 10.0.0.1:9798 gpu-0=user@host1 gpu-1=user@host2
#
# Framewire of the same version is installed in ~/framewire/.venv on each host. A key is copied with its mode, 0600.
set -eu
pipeline=$1
address=$2
shift 2

agents=
trap 'for agent in $agents; do kill "$agent" 2>/dev/null || true; done' EXIT
trap 'exit 130' INT TERM
for pair in "$@"; do
    name=${pair%%=*}
    host=${pair#*=}
    scp -q -p "keys/$name.key" "$host:framewire/$name.key"
    # -tt: with a terminal, the agent gets the hang-up when the connection ends.
    ssh -tt -o BatchMode=yes "$host" "cd framewire && exec .venv/bin/framewire node --join $address --key $name.key --name $name --out $name" \
        </dev/null &
    agents="$agents $!"
done
framewire run "$pipeline" --engine agents --agents "$address" --keys keys --resume
