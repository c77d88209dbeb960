"""Settings of the tests that draw their examples."""

import os
from typing import Any

from hypothesis import settings

FACTOR = float(os.environ.get("PRIVMAN_EXAMPLES", "1"))
"""Examples drawn for each one that a test names; above 1 they are new in each run (``tox -e explore``)."""


def examples(most: int, **options: Any) -> settings:
    """Return settings that draw at most ``most`` examples, times ``FACTOR``, without a deadline."""
    return settings(max_examples=max(1, round(most * FACTOR)), deadline=None, **options)
