"""Pictures in files: one, several, animated, or added to a folder while it is watched."""
