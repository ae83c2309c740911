"""Real servers that results are published to, on loopback, each with a folder of its own; and what reached them."""
