"""`python -m framewire` is the command `framewire`."""

from framewire.pipeline.terminal.cli import main

main()
