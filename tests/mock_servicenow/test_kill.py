from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.killing import free_ports

from .killing import kill_often


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize("store", ["file", "postgresql"])
async def test_a_few_kills_lose_nothing(request: pytest.FixtureRequest, tmp_path: Path, store: str) -> None:
    """What is acknowledged reaches the console, on a file and with either of two processes on PostgreSQL killed."""
    with ExitStack() as stack:
        database = f"sqlite:///{tmp_path / 'instance.db'}"
        if store == "postgresql":
            database = stack.enter_context(request.getfixturevalue("postgresql").database())
        figures = await kill_often(database, free_ports(1 + (store == "postgresql")), kills=3, seed=1)
    assert figures.counted["decisions acknowledged"]
    assert figures.lost == []
