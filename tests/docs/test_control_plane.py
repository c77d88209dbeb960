"""docs/reference/control-plane.md lists every call and every kind of fault."""

import re
from pathlib import Path

from aiohttp import web

import console_sim.app
import console_sim.settings
import mock_servicenow.app
import mock_servicenow.settings
from mock_servicenow.conditions import CONDITIONS
from privman_core.control_index import PREFIX
from privman_core.fault_kinds import GENERIC
from privman_core.ids import Ids
from privman_core.serving import serving
from privman_core.virtual_clock import VirtualClock

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "control-plane.md").read_text(encoding="utf-8")


async def test_every_call_is_listed() -> None:
    """With its method and path."""
    documented = set(re.findall(r"^\| `([A-Z]+ /__admin/[^`]+)` \|", PAGE, re.MULTILINE))
    clock = VirtualClock()
    instance = mock_servicenow.app.create_app(mock_servicenow.settings.Settings(), clock=clock, ids=Ids(1))
    console = console_sim.app.create_app(console_sim.settings.Settings(), clock=clock, ids=Ids(1))
    async with serving(instance), serving(console):
        assert documented == calls(instance) | calls(console)


def calls(app: web.Application) -> set[str]:
    """Return the calls of a control plane, GET rather than HEAD."""
    routes = [(route.method, route.resource.canonical) for route in app.router.routes() if route.resource]
    return {f"{method} {path}" for method, path in routes if path.startswith(f"{PREFIX}/") and method != "HEAD"}


def test_every_kind_of_fault_is_listed() -> None:
    """With its options."""
    rows = re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]*)\|$", PAGE, re.MULTILINE)
    documented = {kind: set(re.findall(r"`(\w+)`", options)) for kind, options in rows}
    assert documented == {name: set(kind.options) for name, kind in (GENERIC | CONDITIONS).items()}
