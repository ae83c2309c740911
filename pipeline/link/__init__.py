"""The link between two machines: carries packets, and the pixels they point to, from ring to ring."""
