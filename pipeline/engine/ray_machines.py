"""The machines of a run that Ray finds, with keys that are only in memory."""

import importlib.metadata
from pathlib import Path

import zmq

from framewire.pipeline.engine.ray_hosts import NoClusterError, RayHosts
from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.line.keys import RunKeys, new_pair
from framewire.pipeline.line.socket import RunSocket
from framewire.pipeline.machines.luggage import Luggage
from framewire.pipeline.machines.machines import Machines, MachinesError
from framewire.pipeline.machines.past import Past

ANY_PORT = 0


def ray_machines(
    spec: PipelineSpec, luggage: Luggage, address: str, is_insecure: bool, out: Path, past: Past
) -> Machines:
    """Join a cluster, or start one if `address` is empty, and have agents started. Raises MachinesError.

    The run listens at the address by which the cluster knows this machine, which is 127.0.0.1 for a local Ray.
    """
    hosts = RayHosts(spec, address, is_insecure, out)
    try:
        host = hosts.join()
    except NoClusterError as error:
        raise MachinesError(str(error)) from error
    public, secret = new_pair()
    try:
        socket = RunSocket(host, ANY_PORT, RunKeys(public, secret, {}))
    except zmq.ZMQError as error:
        hosts.close()
        why = f"cannot listen for agents on {host}, this machine's address in Ray ({error.strerror})"
        raise MachinesError(why) from error
    machines = Machines(spec, socket, importlib.metadata.version("framewire"), past, luggage, out, hosts)
    hosts.seek(machines.address, public, socket.admit)
    return machines
