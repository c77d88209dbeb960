"""The Aggregate API."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.web.server import Server
from privman_core.clock import Clock
from privman_core.faults import Faults
from privman_core.instruments import exchange_recorder
from privman_core.journal import Journal

Client = TestClient[web.Request, web.Application]
Swallowed = Callable[[], list[str]]
ADMIN = "6816f79cc0a8016401c5a33be04be441"


@pytest.fixture
async def server(instance: Instance, journal: Journal, clock: Clock) -> AsyncIterator[TestServer]:
    """Serve the instance with the API, and five toys to count."""
    with instance.transaction(instance.system) as session:
        for name, color, pieces, weight, owner in (
            ("ball", "r", "1", "0.5", ADMIN),
            ("boat", "r", "2", "1.5", ADMIN),
            ("bear", "b", "4", "", ""),
            ("book", "b", "9", "2.25", ""),
            ("bell", "", "", "", ""),
        ):
            values = {"u_name": name, "u_color": color, "u_pieces": pieces, "u_weight": weight, "u_owner": owner}
            session.insert("u_toy", values)
    platform = Server(instance)
    recorded = exchange_recorder(journal, Faults(clock, {}), frozenset())
    app = web.Application(middlewares=[recorded, platform.middleware])
    app.add_routes(platform.routes())
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


async def stats(client: Client, path: str = "stats/u_toy", **parameters: str) -> Any:
    """Return the result of a successful call."""
    response = await client.get(f"/api/now/{path}", params=parameters)
    assert response.status == 200, await response.text()
    return (await response.json())["result"]


@pytest.mark.parametrize("path", ["stats/u_toy", "v1/stats/u_toy", "v2/stats/u_toy"])
async def test_count(client: Client, path: str) -> None:
    """The count of rows is text in an object of its own."""
    assert await stats(client, path, sysparm_count="true") == {"stats": {"count": "5"}}


async def test_every_function(client: Client) -> None:
    """Averages have four decimals, other numbers their own form; empty values do not count."""
    result = await stats(
        client,
        sysparm_count="true",
        sysparm_avg_fields="u_pieces,u_weight",
        sysparm_sum_fields="u_pieces,u_weight",
        sysparm_min_fields="u_pieces,u_name",
        sysparm_max_fields="u_pieces, u_weight",
    )
    assert result == {
        "stats": {
            "count": "5",
            "avg": {"u_pieces": "4.0000", "u_weight": "1.4167"},
            "sum": {"u_pieces": "16", "u_weight": "4.25"},
            "min": {"u_pieces": "1", "u_name": "ball"},
            "max": {"u_pieces": "9", "u_weight": "2.25"},
        }
    }


async def test_of_no_rows(client: Client) -> None:
    """Of no rows the count is zero and every other number is empty."""
    result = await stats(client, sysparm_query="u_name=none", sysparm_count="true", sysparm_avg_fields="u_pieces")
    assert result == {"stats": {"count": "0", "avg": {"u_pieces": ""}}}


@pytest.mark.parametrize("query", [{"sysparm_query": "u_piecesBETWEEN2@4"}, {"u_color": "Blue"}])
async def test_only_matching_rows(client: Client, query: dict[str, str]) -> None:
    """An encoded query or field=value pairs say which rows count."""
    assert await stats(client, sysparm_count="true", **query) == {"stats": {"count": "2"}}


async def test_groups(client: Client) -> None:
    """Grouped, there is a list with the values that each group has in common."""
    result = await stats(client, sysparm_group_by="u_color", sysparm_count="true", sysparm_sum_fields="u_pieces")
    assert result == [
        {"stats": {"count": "1", "sum": {"u_pieces": ""}}, "groupby_fields": [{"value": "", "field": "u_color"}]},
        {"stats": {"count": "2", "sum": {"u_pieces": "13"}}, "groupby_fields": [{"value": "b", "field": "u_color"}]},
        {"stats": {"count": "2", "sum": {"u_pieces": "3"}}, "groupby_fields": [{"value": "r", "field": "u_color"}]},
    ]


@pytest.mark.parametrize(
    ("display", "fields"),
    [
        ("false", [{"value": "r", "field": "u_color"}, {"value": ADMIN, "field": "u_owner"}]),
        ("true", [{"value": "Red", "field": "u_color"}, {"value": "System Administrator", "field": "u_owner"}]),
        (
            "all",
            [
                {"value": "r", "display_value": "Red", "field": "u_color"},
                {"value": ADMIN, "display_value": "System Administrator", "field": "u_owner"},
            ],
        ),
    ],
)
async def test_display_values_of_groups(client: Client, display: str, fields: object) -> None:
    """Groups by choices and references show what people read, if asked."""
    asked = {"sysparm_group_by": "u_color,u_owner", "sysparm_count": "true", "sysparm_display_value": display}
    result = await stats(client, sysparm_query="u_color=r", **asked)
    assert result == [{"stats": {"count": "2"}, "groupby_fields": fields}]


async def test_groups_by_a_journal_column_have_no_value(client: Client) -> None:
    """A journal column stores nothing in the record, so grouping by it makes one group, displayed as empty."""
    asked = {"sysparm_group_by": "u_notes", "sysparm_count": "true", "sysparm_display_value": "true"}
    [group] = await stats(client, **asked)
    assert group == {"stats": {"count": "5"}, "groupby_fields": [{"value": "", "field": "u_notes"}]}


async def test_group_by_dot_walk(client: Client) -> None:
    """Groups may be formed by a column of a referenced record."""
    result = await stats(client, sysparm_group_by="u_owner.user_name", sysparm_count="true")
    assert [(row["groupby_fields"][0]["value"], row["stats"]["count"]) for row in result] == [("", "3"), ("admin", "2")]


@pytest.mark.parametrize(
    ("having", "colors"),
    [
        ("count^u_pieces^=^2", ["b", "r"]),
        ("count^u_pieces^<^1", [""]),
        ("avg^u_pieces^>^2", ["b"]),
        ("AVG^u_pieces^<=^1.5,count^u_name^!=^1", ["r"]),
        ("max^u_pieces^>=^9", ["b"]),
    ],
)
async def test_having(client: Client, having: str, colors: list[str]) -> None:
    """Conditions on aggregates keep or drop whole groups."""
    result = await stats(client, sysparm_group_by="u_color", sysparm_count="true", sysparm_having=having)
    assert [row["groupby_fields"][0]["value"] for row in result] == colors


async def test_having_without_groups(client: Client) -> None:
    """Without groups, a condition that does not hold leaves nothing to tell."""
    assert await stats(client, sysparm_count="true", sysparm_having="count^u_name^>^9") == {"stats": {}}


@pytest.mark.parametrize(
    ("order", "colors"),
    [
        ("COUNT", ["", "b", "r"]),
        ("COUNT^DESC,u_color^DESC", ["r", "b", ""]),
        ("AVG^u_pieces", ["", "r", "b"]),
        ("SUM^u_pieces^DESC", ["b", "r", ""]),
        ("u_color^DESC", ["r", "b", ""]),
    ],
)
async def test_order(client: Client, order: str, colors: list[str]) -> None:
    """Groups sort by aggregates or by their own values, upwards unless DESC."""
    result = await stats(client, sysparm_group_by="u_color", sysparm_count="true", sysparm_order_by=order)
    assert [row["groupby_fields"][0]["value"] for row in result] == colors


@pytest.mark.parametrize(
    "parameters",
    [
        {"sysparm_sum_fields": "u_nothing"},
        {"sysparm_avg_fields": "u_name"},
        {"sysparm_group_by": "u_nothing"},
        {"sysparm_group_by": "u_name.u_color"},
        {"sysparm_group_by": "u_key"},
        {"sysparm_max_fields": "u_owner.user_password"},
        {"sysparm_having": "count^u_nothing^>^1"},
        {"sysparm_having": "count^u_name^LIKE^1"},
        {"sysparm_having": "count^u_name^>^many"},
        {"sysparm_having": "median^u_name^>^1"},
        {"sysparm_having": "count>1"},
        {"sysparm_order_by": "u_color"},
        {"sysparm_order_by": "AVG^u_nothing"},
        {"sysparm_limit": "1"},
    ],
)
async def test_ignored(client: Client, swallowed: Swallowed, parameters: dict[str, str]) -> None:
    """What cannot be computed is left out and reported, and the rest applies (trap 2)."""
    assert await stats(client, sysparm_count="true", **parameters) == {"stats": {"count": "5"}}
    assert swallowed() == ["parameter-ignored"]


async def test_no_aggregate(client: Client, swallowed: Swallowed) -> None:
    """Without any aggregate nothing is computed."""
    assert await stats(client) == {"stats": {}}
    assert swallowed() == ["aggregate-missing"]


async def test_large_sum(client: Client, instance: Instance) -> None:
    """A sum may be larger than any single value."""
    with instance.transaction(instance.system) as session:
        for name in ("one", "two"):
            session.insert("u_toy", {"u_name": name, "u_pieces": str(2**62)})
    result = await stats(client, sysparm_sum_fields="u_pieces")
    assert int(result["stats"]["sum"]["u_pieces"]) == pytest.approx(2**63)


async def test_xml(client: Client) -> None:
    """The answer is XML if the client accepts nothing else."""
    parameters = {"sysparm_count": "true", "sysparm_group_by": "u_color", "sysparm_query": "u_piecesISEMPTY"}
    response = await client.get("/api/now/stats/u_toy", params=parameters, headers={"Accept": "application/xml"})
    assert response.headers["Content-Type"] == "application/xml; charset=UTF-8"
    assert (await response.text()).endswith(
        "<response><result><stats><count>1</count></stats>"
        "<groupby_fields><value/><field>u_color</field></groupby_fields></result></response>"
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "stats/u_nothing", 400, "Invalid table u_nothing"),
        ("GET", "stats/u_toy/x", 400, "Requested URI does not represent any resource"),
        ("POST", "stats/u_toy", 405, "Method not supported"),
    ],
)
async def test_errors(client: Client, method: str, path: str, status: int, message: str) -> None:
    """Errors come in the envelope of every API."""
    response = await client.request(method, f"/api/now/{path}")
    assert response.status == status
    assert (await response.json())["error"]["message"] == message


async def test_hidden_column(user: Client, grant: Callable[[str, str], None], swallowed: Swallowed) -> None:
    """A column that the user may not read is not computed for him (1.9 query on unreadable column)."""
    grant("plain", "toy_reader")
    assert await stats(user, sysparm_max_fields="u_secret,u_pieces") == {"stats": {"max": {"u_pieces": "9"}}}
    assert swallowed() == ["parameter-ignored"]


async def test_table_without_access(user: Client) -> None:
    """Who may not read a table at all gets no numbers of it."""
    response = await user.get("/api/now/stats/oauth_entity", params={"sysparm_count": "true"})
    assert response.status == 403


@pytest.mark.long
@pytest.mark.parametrize("display", ["false", "all"])
async def test_many_groups(client: Client, instance: Instance, display: str) -> None:
    """They come part by part, and are the same as a few at a time."""
    with instance.transaction(instance.system) as session:
        session.store_rows(
            "u_toy", [{"sys_id": f"{number:032x}", "u_name": f"toy{number:03}"} for number in range(450)]
        )
    asked = {"sysparm_group_by": "u_name", "sysparm_count": "true", "sysparm_display_value": display}
    groups = await stats(client, sysparm_query="u_nameSTARTSWITHtoy", **asked)
    few = await stats(client, sysparm_query="u_nameSTARTSWITHtoy1", **asked)
    assert len(groups) == 450
    assert groups[100:200] == few
    parameters = {"sysparm_query": "u_nameSTARTSWITHtoy", **asked}
    answer = await client.get("/api/now/stats/u_toy", params=parameters, headers={"Accept": "application/xml"})
    values = re.findall("<value>(.*?)</value>", await answer.text())
    assert values == [group["groupby_fields"][0]["value"] for group in groups]
