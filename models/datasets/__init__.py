"""Labelled pictures: how they are read, and which of them our own models were trained on."""
