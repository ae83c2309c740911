"""Face detectors: networks and Haar cascades, all with the same interface."""
