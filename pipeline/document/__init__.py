"""A pipeline's text: YAML in which every value keeps its line and column, and the errors that name them."""
