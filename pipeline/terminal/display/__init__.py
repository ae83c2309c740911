"""What a terminal shows of a run: a table while it goes, its log, and a summary at the end."""
