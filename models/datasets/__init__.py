"""Pictures with known answers: how they are read, and which of them our own models have seen."""
