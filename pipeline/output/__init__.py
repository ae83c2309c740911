"""An output folder: which run owns it, and how the files that a killed run left in it are made whole."""
