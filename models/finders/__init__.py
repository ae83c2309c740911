"""Detectors of faces: networks and Haar cascades, all asked in the same way."""
