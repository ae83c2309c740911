"""What keeps a model from being used, and what a user can mend: the root of all such errors."""


class CannotLoadError(Exception):
    """A model that cannot be used here; the text says why, and what to do."""
