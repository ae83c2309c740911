"""A pipeline drawn: as text for Mermaid, and as a picture."""
