"""Base class of the errors that keep a model from being used and that a user can fix."""


class CannotLoadError(Exception):
    """A model cannot be used here; the message says why and what to do."""
