"""What takes minutes, and shows nothing new on most days: it runs by hand, before a release."""

import os

import pytest

in_full = pytest.mark.skipif("FRAMEWIRE_IN_FULL" not in os.environ, reason="takes minutes: set FRAMEWIRE_IN_FULL")
"""CI has one of each kind."""
