"""The Python API: pipelines run, looped over, or made in code; docs/python.md has examples."""
