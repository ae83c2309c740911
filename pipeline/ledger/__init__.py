"""The account of every frame, and its journal on disk, by which a killed run is resumed."""
