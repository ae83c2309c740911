"""An agent: serves runs on this machine for a run on another, with workers, rings and files of its own."""
