"""Measuring models on data with known answers, through the same code that a pipeline runs."""
