"""What a browser, Prometheus and Kubernetes see of a run: one HTTP server in its own process."""
