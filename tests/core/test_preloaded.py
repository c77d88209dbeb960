"""The helper that runs commands for tests."""

import re

import pytest

from tests.preloaded import start


async def test_a_command_that_does_not_end_fails_the_test() -> None:
    """It is killed, and the failure shows what it wrote."""
    process = await start("console-sim", "serve", "--port", "0")
    banner = await process.line()
    with pytest.raises(AssertionError, match=re.escape(banner)):
        await process.communicate(seconds=0.01)
    assert process.returncode == -9
