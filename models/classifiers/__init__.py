"""Classifiers of pictures, and what their answers mean."""
