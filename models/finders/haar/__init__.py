"""Haar cascades: Viola and Jones' detectors, searched by OpenCV or, with the same results, by our own faster loop."""

from framewire.models.finders.haar.cascade import Box, CascadeError, HaarCascade, Search, bundled_cascades
from framewire.models.finders.haar.quick_search import can_compile

__all__ = ["Box", "CascadeError", "HaarCascade", "Search", "bundled_cascades", "can_compile"]
