"""The heads that are known: one file for each family."""
