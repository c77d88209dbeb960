"""Contracts as packaged, and a place for files of names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from privman_contracts import Contracts


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    """The packaged contracts; nothing changes them, so one serves all tests."""
    return Contracts.load()


@pytest.fixture
def names_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a user's file of names and returns its path."""

    def write(text: str) -> Path:
        file = tmp_path / "our-instance.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write
