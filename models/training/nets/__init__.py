"""The networks that can be trained, each by the paper that it follows."""
