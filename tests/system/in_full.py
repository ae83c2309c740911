"""What takes minutes, and shows nothing new on most days: it runs by hand, before a release."""

import os

import pytest

IN_FULL = "FRAMEWIRE_IN_FULL" in os.environ
in_full = pytest.mark.skipif(not IN_FULL, reason="takes minutes: set FRAMEWIRE_IN_FULL")
"""CI has one of each kind."""
