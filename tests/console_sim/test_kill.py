from pathlib import Path

import pytest

from tests.killing import free_ports

from .killing import kill_often


@pytest.mark.long
@pytest.mark.once
async def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    """What is acknowledged is kept and reaches ServiceNow."""
    (port,) = free_ports(1)
    figures = await kill_often(f"sqlite:///{tmp_path / 'console.db'}", port, kills=3, seed=1)
    assert all(figures.counted.values())
    assert figures.lost == []
