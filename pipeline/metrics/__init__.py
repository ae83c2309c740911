"""What Prometheus sees of a run: a snapshot of its figures in its format."""
