"""How a worker runs stages: what the engine wraps around each to keep its guarantees."""
