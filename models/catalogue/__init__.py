"""The facts about each model: its files and their hashes, input, output, licence."""
