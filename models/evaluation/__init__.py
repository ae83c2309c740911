"""Measuring models on labelled data, through the same code that a pipeline runs."""
