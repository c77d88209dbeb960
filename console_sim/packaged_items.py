"""Filters, reports and tasks that every console has (``packaged_items.yaml``)."""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import TypeVar

import msgspec
import yaml
from msgspec import Struct


class ItemFilter(Struct, frozen=True):
    """A filter that policies may have; ``type`` is its kind in words."""

    id: str
    name: str
    type: str
    description: str


class ReportColumn(Struct, frozen=True):
    """A column of a report; ``type`` is its .NET type."""

    name: str
    type: str
    hidden: bool = False


class PackagedReport(Struct, frozen=True):
    """A report with its rows."""

    id: str
    name: str
    columns: tuple[ReportColumn, ...]
    rows: tuple[tuple[str, ...], ...]


class Task(Struct, frozen=True):
    """A task that can be run."""

    id: str
    name: str


class PackagedItems(Struct, frozen=True):
    """The contents of the file."""

    filters: tuple[ItemFilter, ...]
    reports: tuple[PackagedReport, ...]
    tasks: tuple[Task, ...]


Item = TypeVar("Item", ItemFilter, PackagedReport, Task)


@cache
def packaged_items() -> PackagedItems:
    """Return the items; they are read once."""
    text = (resources.files("console_sim") / "packaged_items.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), PackagedItems)


def find(items: Iterable[Item], item_id: str) -> Item | None:
    """Return the item with that id, which is in lower case; None if there is none."""
    return next((item for item in items if item.id == item_id), None)
