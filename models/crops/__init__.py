"""How a face is cut out of a picture for a classifier."""
