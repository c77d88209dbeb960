"""docs/reference/control-plane.md lists every call, and every kind of fault with an example that strikes."""

import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, encode_basic_auth

from console_sim import ConsoleSim
from mock_servicenow import MockServiceNow

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "control-plane.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]*)\| `({.*})` \|$", re.MULTILINE)
FAULTS: list[tuple[str, set[str], dict[str, Any]]] = [
    (kind, set(re.findall(r"`(\w+)`", options)), json.loads(example)) for kind, options, example in ROW.findall(PAGE)
]
SERVERS = {"mock-servicenow": MockServiceNow, "console-sim": ConsoleSim}


async def index_of(server: str) -> dict[str, Any]:
    """Return the index of a control plane."""
    async with SERVERS[server](seed=0) as served, ClientSession(served.url) as session:
        index: dict[str, Any] = await (await session.get("/__admin")).json()
        return index


@pytest.mark.long
async def test_every_call_is_listed() -> None:
    """With its method and path."""
    calls = [call for server in SERVERS for call in (await index_of(server))["calls"]]
    documented = set(re.findall(r"^\| `([A-Z]+ /__admin[^`?]*)` \|", PAGE, re.MULTILINE))
    assert documented == {f"{call['method']} {call['path']}" for call in calls}
    assert [call for call in calls if not call["does"].endswith(".")] == []


@pytest.mark.parametrize("server", SERVERS)
async def test_the_index_is_in_the_openapi_document(server: str) -> None:
    """Each call once, with what its path takes, and as what needs the token."""
    async with SERVERS[server](seed=0) as served, ClientSession(served.url) as session:
        index = await (await session.get("/__admin")).json()
        document = await (await session.get("/__admin/openapi.json")).json()
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    described = [
        {"method": method, "path": path, "does": operation["summary"]}
        for method, path, operation in operations
        if operation.get("tags") == ["control plane"]
    ]
    assert sorted(described, key=str) == sorted(index["calls"], key=str)
    for _, path, operation in operations:
        in_path = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
        assert sorted(in_path) == sorted(re.findall(r"{(\w+)}", path))
        for required in operation.get("security", ()):
            assert required.keys() <= document["components"]["securitySchemes"].keys()
    ids = [operation["operationId"] for *_, operation in operations]
    assert len(ids) == len(set(ids))


async def test_every_kind_of_fault_is_listed() -> None:
    """With its options; the examples have all of them, and each key that every fault has."""
    index = await index_of("mock-servicenow")
    assert {kind: options for kind, options, _ in FAULTS} == {
        each["kind"]: set(each["options"]) for each in index["fault_kinds"]
    }
    assert [kind for kind, options, example in FAULTS if example["kind"] != kind or not options <= example.keys()] == []
    assert index["fault_keys"].keys() <= set().union(*(example for *_, example in FAULTS))
    keys = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", PAGE.partition("\n## Faults\n")[2], re.MULTILINE)
    assert set(keys) == index["fault_keys"].keys()


@pytest.mark.parametrize("example", [example for *_, example in FAULTS], ids=lambda example: str(example["kind"]))
async def test_the_example_of_a_fault_strikes(example: dict[str, Any]) -> None:
    """A request with its method, or GET, after those that it lets pass."""
    headers = {"Authorization": encode_basic_auth("admin", "admin")}
    async with MockServiceNow(seed=0) as served, ClientSession(served.url, headers=headers) as session:
        armed = await session.post("/__admin/faults", json=example)
        assert armed.status == 201, await armed.text()
        for _ in range(1 + example.get("skip", 0)):
            asking = asyncio.create_task(_ask(session, example.get("method", "GET")))
            while not asking.done():
                await session.post("/__admin/clock/advance", json={"seconds": 1})
        faults = (await (await session.get("/__admin/faults")).json())["faults"]
        assert [fault["struck"] for fault in faults] in ([], [1])
        journal = (await (await session.get("/__admin/requests?last=1")).json())["requests"]
    assert [exchange["fault"] for exchange in journal] == [example["kind"]]


async def _ask(session: ClientSession, method: str) -> None:
    with suppress(ClientError):
        async with session.request(method, "/api/now/table/problem", json={} if method == "POST" else None) as answer:
            await answer.read()
