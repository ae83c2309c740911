"""What is counted of a run, all of it at one moment, how fast it changes, and what it means."""
