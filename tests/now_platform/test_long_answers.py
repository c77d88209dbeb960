"""Answers that are longer than what was stored: dot-walks, names and groups may repeat one long text."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientPayloadError, web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.display import LONGEST_HISTORY, MOST_ENTRIES, MOST_NAMED
from mock_servicenow.now_platform.records.plans import LONGEST_TEXT

Client = TestClient[web.Request, web.Application]
LONG = 600_000
REFUSED = "Transaction cancelled: maximum execution time exceeded"


@pytest.fixture
def parent(instance: Instance) -> str:
    """Store ten incidents below one with a long text, and return the sys_id of that."""
    with instance.transaction(instance.system) as session:
        sys_id = session.insert("incident", {"description": "x" * LONG}).sys_id
        session.update("incident", sys_id, {"parent": sys_id})
        for number in range(10):
            session.insert("incident", {"parent": sys_id, "short_description": f"child {number}"})
    return sys_id


@pytest.mark.long
@pytest.mark.parametrize("accept", ["application/json", "application/xml"])
@pytest.mark.parametrize("display", ["false", "all"])
async def test_a_list_is_written_in_pieces(client: Client, parent: str, accept: str, display: str) -> None:
    """However often a text is repeated, no more than some of it is in memory at a time."""
    asked = {
        "sysparm_query": f"parent={parent}^short_descriptionLIKEchild^ORDERBYshort_description",
        "sysparm_fields": "short_description,parent.description",
        "sysparm_display_value": display,
    }
    response = await client.get("/api/now/table/incident", params=asked, headers={"Accept": accept})
    text, longest = "", 0
    async for chunk in response.content.iter_chunked(1 << 22):
        text += chunk.decode()
        longest = max(longest, len(chunk))
    assert (response.status, text.count("x" * LONG)) == (200, 10 * (1 + (display == "all")))
    assert [text.count(f"child {number}") for number in range(10)] == [1 + (display == "all")] * 10
    assert "Content-Length" not in response.headers


@pytest.mark.long
@pytest.mark.parametrize("limit", ["8", "100", "1000"])
async def test_long_rows_are_read_a_few_at_a_time(client: Client, instance: Instance, limit: str) -> None:
    """Short and long rows, in the order that was asked for, each once."""
    lengths = [LONG * 3 * (number % 13 == 0) for number in range(120)]
    with instance.transaction(instance.system) as session:
        session.store_rows(
            "problem",
            [
                {"sys_id": f"{number:032x}", "category": f"{number:03}", "description": "x" * length}
                for number, length in enumerate(lengths)
            ],
        )
    asked = {"sysparm_query": "categorySTARTSWITH0^ORcategorySTARTSWITH1^ORDERBYDESCcategory", "sysparm_limit": limit}
    response = await client.get("/api/now/table/problem", params=asked)
    result = (await response.json())["result"]
    assert [(each["category"], len(each["description"])) for each in result] == [
        (f"{number:03}", lengths[number]) for number in reversed(range(120))
    ][: int(limit)]


@pytest.mark.long
async def test_the_length_of_a_record_is_bounded(
    client: Client, instance: Instance, parent: str, swallowed: Callable[[], list[str]]
) -> None:
    """A record that would repeat a long text too often is refused."""
    texts = ("description", "close_notes", "user_input", "short_description", "correlation_id")
    fields = ",".join(f"{'parent.' * steps}{name}" for steps in range(1, 9) for name in texts)
    path = f"/api/now/table/incident/{parent}"
    assert (await client.get(path, params={"sysparm_fields": fields})).status == 200
    with instance.transaction(instance.system) as session:
        session.update("incident", parent, dict.fromkeys(texts, "y" * LONGEST_TEXT))
    for asked in (path, "/api/now/table/incident"):
        response = await client.get(asked, params={"sysparm_fields": fields, "sysparm_query": f"sys_id={parent}"})
        assert (response.status, (await response.json())["error"]["message"]) == (500, REFUSED)
        assert swallowed()[-1] == "record-too-long"


@pytest.mark.long
@pytest.mark.parametrize(
    ("accept", "text"), [("application/json", "\x01"), ("application/json", '"'), ("application/xml", "&")]
)
async def test_a_record_ends_as_it_is_written(
    client: Client, instance: Instance, parent: str, accept: str, text: str
) -> None:
    """Some characters are several in JSON or XML."""
    texts = ("description", "close_notes", "user_input")
    fields = ",".join(f"{'parent.' * steps}{name}" for steps in range(9) for name in texts)
    asked = {"sysparm_fields": fields, "sysparm_query": f"sys_id={parent}"}
    with instance.transaction(instance.system) as session:
        session.update("incident", parent, dict.fromkeys(texts, text * LONGEST_TEXT))
    for path in ("/api/now/table/incident", f"/api/now/table/incident/{parent}"):
        response = await client.get(path, params=asked, headers={"Accept": accept})
        assert (response.status, REFUSED in await response.text()) == (500, True)


@pytest.mark.parametrize(("accept", "text"), [("application/json", "\x01"), ("application/xml", "&")])
async def test_groups_end_as_they_are_written(client: Client, instance: Instance, accept: str, text: str) -> None:
    """The same of names in groups."""
    with instance.transaction(instance.system) as session:
        caller = session.insert("sys_user", {"user_name": "long.name", "name": text * LONG}).sys_id
        rows = [{"sys_id": f"{number:032x}", "category": "long", "caller_id": caller} for number in range(12)]
        session.store_rows("incident", rows)
    grouped = {"sysparm_query": "category=long", "sysparm_group_by": "sys_id,caller_id", "sysparm_count": "true"}
    asked = {**grouped, "sysparm_display_value": "true"}
    response = await client.get("/api/now/stats/incident", params=asked, headers={"Accept": accept})
    assert (response.status, REFUSED in await response.text()) == (500, True)


@pytest.mark.long
async def test_names_of_authors_are_repeated_in_pieces(client: Client, instance: Instance) -> None:
    """A list of attachments names the author of each."""
    with instance.transaction(instance.system) as session:
        record = session.insert("incident", {}).sys_id
        session.insert("sys_user", {"user_name": "long.name", "name": "n" * LONG})
        for _ in range(3):
            values = {"table_name": "incident", "table_sys_id": record, "sys_created_by": "long.name"}
            session.insert("sys_attachment", values, system_columns=True)
    response = await client.get("/api/now/attachment", params={"sysparm_query": f"table_sys_id={record}"})
    result: list[dict[str, Any]] = (await response.json())["result"]
    assert [each["created_by_name"] for each in result] == ["n" * LONG] * 3
    assert response.headers["X-Total-Count"] == "3"


@pytest.mark.long
async def test_the_length_of_groups_is_bounded(client: Client, parent: str) -> None:
    """Each group repeats the text that another record has."""
    asked = {"sysparm_query": f"parent={parent}", "sysparm_count": "true", "sysparm_group_by": "number"}
    response = await client.get("/api/now/stats/incident", params=asked)
    assert (response.status, len((await response.json())["result"])) == (200, 11)
    asked["sysparm_group_by"] += "".join(f",{'parent.' * steps}description" for steps in range(1, 7))
    response = await client.get("/api/now/stats/incident", params=asked)
    assert (response.status, (await response.json())["error"]["message"]) == (500, REFUSED)


@pytest.mark.long
@pytest.mark.parametrize("accept", ["application/json", "application/xml"])
@pytest.mark.parametrize("before", [0, 200])
async def test_many_groups_with_long_names_are_refused(
    client: Client, instance: Instance, caplog: pytest.LogCaptureFixture, before: int, accept: str
) -> None:
    """Groups are shown a few at a time; the error is the answer, or ends the connection once something was sent."""
    with instance.transaction(instance.system) as session:
        caller = session.insert("sys_user", {"user_name": "long.name", "name": "n" * LONG}).sys_id
        callers = [""] * before + [caller] * 201
        session.store_rows(
            "incident",
            [{"sys_id": f"{place:032x}", "category": "long", "caller_id": each} for place, each in enumerate(callers)],
        )
    grouped = {"sysparm_query": "category=long", "sysparm_group_by": "sys_id,caller_id", "sysparm_count": "true"}
    asked = {**grouped, "sysparm_display_value": "true"}
    response = await client.get("/api/now/stats/incident", params=asked, headers={"Accept": accept})
    if not before:
        assert (response.status, REFUSED in await response.text(), caplog.records) == (500, True, [])
        return
    with pytest.raises(ClientPayloadError):
        await response.read()
    [line] = caplog.messages
    assert line.startswith(f"GET /api/now/stats/incident ended early: {REFUSED}")
    assert caplog.records[0].exc_info is None


@pytest.mark.long
@pytest.mark.parametrize(
    "asked",
    [
        {"sysparm_group_by": "parent.description"},
        {"sysparm_group_by": "category", "sysparm_max_fields": "parent.description"},
        {"sysparm_group_by": "category", "sysparm_having": "min^parent.description^>^1"},
        {"sysparm_group_by": "category", "sysparm_order_by": "max^parent.description"},
        {"sysparm_group_by": ",".join(f"{'parent.' * steps}description" for steps in range(1, 7))},
    ],
)
async def test_grouped_texts_are_bounded(
    client: Client, instance: Instance, parent: str, asked: dict[str, str]
) -> None:
    """A database that groups rows keeps long ones in memory, though they make few groups."""
    query = {"sysparm_query": f"parent={parent}", "sysparm_count": "true"}
    few = {**query, **asked, "sysparm_group_by": asked["sysparm_group_by"].split(",")[0]}
    assert (await client.get("/api/now/stats/incident", params=few)).status == 200
    with instance.transaction(instance.system) as session:
        session.store_rows("incident", [{"sys_id": f"{number:032x}", "parent": parent} for number in range(50)])
    response = await client.get("/api/now/stats/incident", params={**query, **asked})
    assert (response.status, (await response.json())["error"]["message"]) == (500, REFUSED)
    whole = {**query, "sysparm_max_fields": "parent.description"}
    assert (await client.get("/api/now/stats/incident", params=whole)).status == 200


@pytest.mark.parametrize(("conditions", "linked"), [(100, True), (4_000, False)])
async def test_links_of_a_long_query_are_left_out(
    client: Client, swallowed: Callable[[], list[str]], conditions: int, *, linked: bool
) -> None:
    """Each link repeats the query behind a tiny URL, and clients limit the length of headers."""
    url = f"incident?sysparm_limit=1&sysparm_query={'^OR'.join(['state=1'] * conditions)}"
    tiny = (await (await client.post("/api/now/tinyurl", json={"url": url})).json())["result"].partition("?")[2]
    response = await client.get(f"/api/now/table/incident?{tiny}")
    assert (response.status, "Link" in response.headers, "links-left-out" in swallowed()) == (200, linked, not linked)


@pytest.mark.parametrize("column", ["date_format", "time_format"])
async def test_too_long_formats_are_ignored(client: Client, instance: Instance, column: str) -> None:
    """A pattern makes each date of an answer as long as it is."""
    with instance.transaction(instance.system) as session:
        user = session.find("sys_user", user_name="admin")
        assert user is not None
        session.update("sys_user", user.sys_id, {column: "%c" * 51})
        shown = session.insert("syslog", {"sys_created_on": "2026-01-02 03:04:05"}, system_columns=True).sys_id
    path, asked = f"/api/now/table/syslog/{shown}", {"sysparm_display_value": "true"}
    response = await client.get(path, params={**asked, "sysparm_fields": "sys_created_on"})
    assert (await response.json())["result"] == {"sys_created_on": "2026-01-01 19:04:05"}


async def test_names_are_repeated_as_far_as_their_column_goes(client: Client, instance: Instance) -> None:
    """A long name is repeated in each entry of a journal, in each place of a list and in each group."""
    with instance.transaction(instance.system) as session:
        author = session.insert("sys_user", {"user_name": "long.name", "name": "n" * LONG}).sys_id
        values = {"watch_list": f"{author},{author}", "caller_id": author, "category": "named"}
        sys_id = session.insert("incident", {**values, "comments": "hello"}).sys_id
        (entry,) = session.find_all("sys_journal_field", element_id=sys_id)
        session.update("sys_journal_field", entry.sys_id, {"sys_created_by": "long.name"}, system_columns=True)
        session.store_rows("incident", [{"sys_id": f"{number:032x}", **values} for number in range(60)])
    asked = {"sysparm_display_value": "true", "sysparm_fields": "comments,watch_list"}
    result = (await (await client.get(f"/api/now/table/incident/{sys_id}", params=asked)).json())["result"]
    assert f" - {'n' * 151} (Additional comments)\nhello" in result["comments"]
    assert result["watch_list"] == ", ".join(["n" * 255] * 2)
    grouped = {"sysparm_query": "category=named", "sysparm_group_by": "sys_id,caller_id", "sysparm_count": "true"}
    response = await client.get("/api/now/stats/incident", params=grouped)
    assert (response.status, len((await response.json())["result"])) == (200, 61)
    response = await client.get("/api/now/stats/incident", params={**grouped, "sysparm_display_value": "true"})
    assert (response.status, (await response.json())["error"]["message"]) == (500, REFUSED)


async def test_a_list_of_no_references_is_shown_whole(client: Client) -> None:
    """Only names of other records are bounded."""
    kinds = f"{'a' * 300},b"
    params = {"sysparm_display_value": "true", "sysparm_fields": "type"}
    response = await client.post("/api/now/table/sys_user_group", json={"name": "g", "type": kinds}, params=params)
    assert (await response.json())["result"] == {"type": f"{'a' * 300}, b"}


@pytest.mark.long
async def test_a_list_of_references_names_the_first_ones(client: Client, instance: Instance) -> None:
    """Each name is another record to be read, so only so many of a list are."""
    entries = [f"{number:032x}" for number in range(MOST_NAMED + 2)]
    with instance.transaction(instance.system) as session:
        session.store_rows("sys_user", [{"sys_id": each, "name": f"User {each[-4:]}"} for each in entries])
        sys_id = session.insert("incident", {"watch_list": ",".join(entries)}).sys_id
    asked = {"sysparm_display_value": "true", "sysparm_fields": "watch_list"}
    response = await client.get(f"/api/now/table/incident/{sys_id}", params=asked)
    shown = (await response.json())["result"]["watch_list"].split(", ")
    assert shown[0] == "User 0000"
    assert shown[MOST_NAMED - 1 :] == [f"User {MOST_NAMED - 1:04x}", ",".join(entries[MOST_NAMED:])]


@pytest.mark.long
async def test_a_history_shows_its_newest_entries(client: Client, instance: Instance) -> None:
    """Journals grow for ever; what is displayed of one has an end, in entries and in characters."""
    with instance.transaction(instance.system) as session:
        long, many, short = (session.insert("incident", {}).sys_id for _ in range(3))
        for number in range(3):
            session.update("incident", long, {"comments": f"{number}" * (LONGEST_HISTORY - 10)})
        entry = {"element": "comments", "name": "incident", "sys_created_by": "admin"}
        session.store_rows(
            "sys_journal_field",
            [
                {**entry, "sys_id": session.ids.sys_id(), "element_id": many, "value": f"<{number}>"}
                for number in range(MOST_ENTRIES + 5)
            ],
        )
        session.update("incident", short, {"comments": "one"})
    asked = {"sysparm_display_value": "true", "sysparm_fields": "sys_id,comments"}
    response = await client.get(
        "/api/now/table/incident", params=asked | {"sysparm_query": f"sys_idIN{long},{many},{short}"}
    )
    shown = {each["sys_id"]: each["comments"] for each in (await response.json())["result"]}
    assert [shown[long].count(digit * 11) > 0 for digit in "012"] == [False, False, True]
    assert shown[long].count("(Additional comments)\n1111111111\n") == 1
    assert [f"<{number}>" in shown[many] for number in (4, 5, MOST_ENTRIES + 4)] == [False, True, True]
    assert shown[short].endswith("\none\n\n")
