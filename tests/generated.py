"""Settings of the tests that draw their examples."""

import os
from typing import Any

from hypothesis import settings

FACTOR = int(os.environ.get("PRIVMAN_EXPLORE", "1"))
"""Examples drawn for each one that the gate draws; ``tox -e explore`` sets it."""


def examples(most: int, **options: Any) -> settings:
    """Return settings that draw at most ``most`` examples, times ``FACTOR``, without a deadline."""
    return settings(max_examples=most * FACTOR, deadline=None, **options)
