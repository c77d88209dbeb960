"""Every column type, through the REST APIs: a new one needs an example here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.dictionary.column_types import FAMILIES, Family

Client = TestClient[web.Request, web.Application]
ADMIN = "6816f79cc0a8016401c5a33be04be441"
TYPED = "/api/now/table/u_typed"


@dataclass(frozen=True)
class Example:
    """Two values of a type, the smaller one first as clients send it, store it and read it.

    Attributes:
        sent: as a display value, with ``sysparm_input_display_value``.
        other: a greater one, raw.
        invalid: a raw value that is ignored; none if every text is valid.
        refers: whether the type refers to users.
    """

    sent: str
    stored: str
    shown: str
    other: str
    invalid: str = ""
    refers: bool = False


EXAMPLES = {
    Family.TEXT: Example("a", "a", "a", "b"),
    Family.BOOLEAN: Example("no", "false", "false", "true"),
    Family.INTEGER: Example("1,234", "1234", "1,234", "2000", "1.5"),
    Family.DECIMAL: Example("1,234.5", "1234.5", "1,234.5", "10000", "much"),
    Family.DATE: Example("1990-01-02", "1990-01-02", "1990-01-02", "1990-01-03", "soon"),
    Family.DATE_TIME: Example(
        "1990-01-02 03:04:05", "1990-01-02 11:04:05", "1990-01-02 03:04:05", "1990-01-02 11:04:06", "soon"
    ),
    Family.DURATION: Example("01:30:00", "1970-01-01 01:30:00", "1 Hour 30 Minutes", "02:00:00", "long"),
    Family.CURRENCY: Example("$1,234.50", "USD;1234.50", "$1,234.50", "USD;2000"),
    Family.REFERENCE: Example("admin", ADMIN, "System Administrator", "f" * 32, refers=True),
    Family.IDENTIFIER: Example("0" * 32, "0" * 32, "0" * 32, "1" * 32),
    Family.CLASS: Example("incident", "incident", "Incident", "problem"),
    Family.LIST: Example("admin", ADMIN, "System Administrator", "f" * 32, refers=True),
    Family.PAIRS: Example('{"a": 1}', '{"a":"1"}', '{"a":"1"}', '{"b":"1"}'),
    Family.JOURNAL: Example("first", "", "first", "second"),
    Family.PASSWORD: Example("first", "", "********", "second"),
}
TYPES = sorted(FAMILIES)
READABLE = [name for name in TYPES if not FAMILIES[name].concealed]


async def _read(client: Client, sys_id: str, display: str) -> dict[str, Any]:
    answer = await client.get(f"{TYPED}/{sys_id}", params={"sysparm_display_value": display})
    return dict((await answer.json())["result"])


@pytest.mark.long
@pytest.mark.parametrize("type_", TYPES)
async def test_a_value_is_sent_stored_and_shown(client: Client, type_: str) -> None:
    """As a display value, as a raw value, as both, and in XML."""
    name, example = f"u_{type_.lower()}", EXAMPLES[FAMILIES[type_]]
    sent = example.stored if type_ == "domain_id" else example.sent  # a domain has a path, too, so texts stay
    created = await client.post(TYPED, json={name: sent}, params={"sysparm_input_display_value": "true"})
    sys_id = (await created.json())["result"]["sys_id"]
    raw, shown, both = [(await _read(client, sys_id, display))[name] for display in ("false", "true", "all")]
    assert (raw["value"] if isinstance(raw, dict) else raw) == example.stored
    assert example.shown in (shown["display_value"] if isinstance(shown, dict) else shown)
    assert (both["value"], example.shown in both["display_value"]) == (example.stored, True)
    xml = await (await client.get(f"{TYPED}/{sys_id}", headers={"Accept": "application/xml"})).text()
    assert f"<{name}>" in xml or f"<{name}/>" in xml


@pytest.mark.long
@pytest.mark.parametrize("type_", READABLE)
async def test_values_compare_and_sort(client: Client, type_: str) -> None:
    """A record is found by its stored value, and the smaller of two values comes first."""
    name, example = f"u_{type_.lower()}", EXAMPLES[FAMILIES[type_]]
    for value in (example.other, example.stored):
        assert (await client.post(TYPED, json={name: value})).status == 201
    asked = {"sysparm_query": f"{name}={example.stored}", "sysparm_fields": "sys_id"}
    assert len((await (await client.get(TYPED, params=asked)).json())["result"]) == 1
    if not example.refers:
        ordered = {"sysparm_query": f"{name}ISNOTEMPTY^ORDERBY{name}", "sysparm_fields": name}
        found = (await (await client.get(TYPED, params=ordered)).json())["result"]
        assert [row[name] == example.stored for row in found] == [True, False]


@pytest.mark.parametrize("type_", [name for name in TYPES if EXAMPLES[FAMILIES[name]].invalid])
async def test_an_invalid_value_is_ignored(client: Client, swallowed: Callable[[], list[str]], type_: str) -> None:
    """The record is created without it, and a finding says so."""
    name = f"u_{type_.lower()}"
    created = await client.post(TYPED, json={name: EXAMPLES[FAMILIES[type_]].invalid})
    assert (created.status, (await created.json())["result"][name]) == (201, "")
    assert swallowed() == ["value-ignored"]


def test_every_family_has_an_example() -> None:
    """A family without types would never be met."""
    assert set(EXAMPLES) == set(Family) == set(FAMILIES.values())
