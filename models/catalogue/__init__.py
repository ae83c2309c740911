"""What is known of each model: its files and their hashes, input, output, licence."""
