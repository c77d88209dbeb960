"""Values: converted, refused, displayed and written back."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.intake import LONGEST_VALUE
from mock_servicenow.now_platform.records.plans import LONGEST_INDEXED, LONGEST_TEXT
from mock_servicenow.now_platform.rest.record_bodies import MOST_NAMES

from .writing import ADMIN, patch, post

Client = TestClient[web.Request, web.Application]
Swallowed = Callable[[], list[str]]


@pytest.mark.parametrize(
    ("column", "written", "raw", "display"),
    [
        ("u_broken", True, "true", "true"),
        ("u_broken", "1", "true", "true"),
        ("u_broken", "no", "false", "false"),
        ("u_broken", None, "", ""),
        ("u_pieces", 1000, "1000", "1,000"),
        ("u_pieces", "-7", "-7", "-7"),
        ("u_pieces", "9007199254740993", "9007199254740993", "9,007,199,254,740,993"),
        ("u_price", "USD;1234.5", "USD;1234.5", "$1,234.50"),
        ("u_price", "CHF;1", "CHF;1", "CHF 1.00"),
        ("u_price", "1234.5", "1234.5", "1234.5"),
        ("u_price", "cheap", "cheap", "cheap"),
        ("u_weight", 1234.5, "1234.5", "1,234.5"),
        ("u_color", "r", "r", "Red"),
        ("u_bought", "2026-01-05", "2026-01-05", "2026-01-05"),
        ("u_bought", "2026-01-05 10:00:00", "2026-01-05", "2026-01-05"),
        ("u_play_time", "16:30:00", "1970-01-01 16:30:00", "16 Hours 30 Minutes"),
        ("u_play_time", "16 Hours 30 Minutes", "1970-01-01 16:30:00", "16 Hours 30 Minutes"),
        ("u_play_time", "1970-01-01 16:30:00", "1970-01-01 16:30:00", "16 Hours 30 Minutes"),
        ("u_play_time", "1 02:03:04", "1970-01-02 02:03:04", "1 Day 2 Hours 3 Minutes 4 Seconds"),
        ("u_play_time", "00:00:00", "1970-01-01 00:00:00", "0 Seconds"),
        ("u_play_time", "", "", ""),
        ("u_owner", "itil", "9a2e5b0e", "ITIL User"),
        ("u_friends", f"{ADMIN},46c5bf6ca9fe1981010713e3ac7d3384", None, "System Administrator, Natasha Ingram"),
        (
            "u_settings",
            {"Wait": "00:00:50", "Retries": 3, "None": None},
            '{"Wait":"00:00:50","Retries":"3","None":""}',
            None,
        ),
        ("u_settings", '{"a": "b"}', '{"a":"b"}', '{"a":"b"}'),
        ("u_settings", "a=b", "a=b", "a=b"),
        ("u_settings", "[1]", "[1]", "[1]"),
    ],
)
async def test_values_by_type(
    client: Client, column: str, written: object, raw: str | None, display: str | None
) -> None:
    """Each type reads raw and displayed in its documented forms."""
    record = await post(client, "u_toy", {"u_color": "r", column: written}, sysparm_display_value="all")
    if column == "u_owner":
        assert len(record[column]["value"]) == 32
    else:
        assert record[column]["value"] == (written if raw is None else raw)
    assert record[column]["display_value"] == (record[column]["value"] if display is None else display)


@pytest.mark.parametrize(
    ("column", "written", "rule"),
    [
        ("u_pieces", "many", "value-ignored"),
        ("u_pieces", "9223372036854775808", "value-ignored"),
        ("u_pieces", "1_000", "value-ignored"),
        ("u_weight", "heavy", "value-ignored"),
        ("u_weight", "1e999", "value-ignored"),
        ("u_weight", "nan", "value-ignored"),
        ("u_play_time", "999999999999 Days", "value-ignored"),
        ("u_name", "a\0b", "value-ignored"),
        ("u_bought", "yesterday", "value-ignored"),
        ("u_play_time", "a while", "value-ignored"),
        ("u_play_time", "3 Hours or so", "value-ignored"),
        ("u_color", "g", "choice-unknown"),
        ("u_owner", "nobody", "reference-unresolved"),
        ("u_name", "x" * 41, "value-too-long"),
    ],
)
async def test_questionable_values_become_findings(
    client: Client, swallowed: Swallowed, column: str, written: str, rule: str
) -> None:
    """Invalid values and unknown references are dropped, other doubtful ones stored; all become findings."""
    record = await post(client, "u_toy", {"u_color": "r", column: written}, sysparm_exclude_reference_link="true")
    assert swallowed() == [rule]
    assert record[column] == ("" if rule in {"value-ignored", "reference-unresolved"} else written)


@pytest.mark.parametrize("display", ["false", "true"])
@pytest.mark.parametrize("column", ["u_pieces", "u_weight", "u_play_time", "u_bought", "u_owner"])
async def test_other_types_ignore_long_texts(client: Client, swallowed: Swallowed, column: str, display: str) -> None:
    """No number, date, duration or reference is as long, and taking one apart would take seconds."""
    text = "1,111" * LONGEST_VALUE
    record = await post(client, "u_toy", {"u_color": "r", column: text}, sysparm_input_display_value=display)
    assert (record[column], swallowed()) == ("", ["value-ignored"])


async def test_long_texts_are_cut(instance: Instance) -> None:
    """A text that is far longer than its column is cut, as the platform cuts it sooner."""
    with instance.transaction(instance.system) as session:
        record = session.insert("incident", {"description": "x" * (LONGEST_TEXT + 1)})
    assert record["description"] == "x" * LONGEST_TEXT
    assert [finding.rule for finding in session.findings] == ["value-too-long"]


async def test_texts_of_indexed_columns_fit_any_index(client: Client, swallowed: Swallowed) -> None:
    """An index of PostgreSQL holds less than a text may have; nothing else would be wrong with it."""
    text = "".join(chr(0x20000 + number * 37 % 42_000) for number in range(LONGEST_INDEXED + 1))
    record = await post(client, "problem", {"number": text})
    assert (record["number"], swallowed()) == (text[:LONGEST_INDEXED], ["value-too-long"])
    record = await post(client, "problem", {"assigned_to": text[:LONGEST_INDEXED]})
    assert (record["assigned_to"], swallowed()[1:]) == ("", ["reference-unresolved"])


@pytest.mark.long
async def test_a_list_looks_up_a_bounded_number_of_names(client: Client) -> None:
    """The other names of a list, and sys_ids, are stored as given; a repeated name is looked up once."""
    await post(client, "sys_user", {"user_name": "joe", "name": "Joe"})
    names = [*(f"Nobody {number}" for number in range(MOST_NAMES - 1)), *(["System Administrator"] * 2), "Joe"]
    values = {"watch_list": ",".join([*names, ADMIN])}
    record = await post(client, "incident", values, sysparm_input_display_value="true")
    assert record["watch_list"].split(",") == [*names[: MOST_NAMES - 1], ADMIN, ADMIN, "Joe", ADMIN]


async def test_a_display_value_of_several_records_is_not_resolved(client: Client, swallowed: Swallowed) -> None:
    """A reference given as text is looked up only where it is unambiguous."""
    for _ in range(2):
        await post(client, "cmn_department", {"name": "Twins"})
    record = await post(client, "sys_user", {"user_name": "x", "department": "Twins"})
    assert record["department"] == ""
    assert swallowed() == ["reference-unresolved"]


async def test_date_times_are_shown_in_the_users_zone(client: Client, instance: Instance) -> None:
    """Raw date-times are UTC, displayed ones are in the instance's zone, or in the user's own."""
    shown = {"sysparm_display_value": "all", "sysparm_fields": "sys_created_on"}
    record = await post(client, "problem", {}, **shown)
    assert record["sys_created_on"] == {"display_value": "2026-01-05 01:00:00", "value": "2026-01-05 09:00:00"}
    with instance.transaction(instance.system) as session:
        session.update("sys_user", ADMIN, {"time_zone": "Europe/Berlin"})
    record = await post(client, "problem", {}, **shown)
    assert record["sys_created_on"]["display_value"] == "2026-01-05 10:00:00"
    with instance.transaction(instance.system) as session:
        session.update("sys_user", ADMIN, {"time_zone": "Mars/Olympus"})
    record = await post(client, "problem", {}, **shown)
    assert record["sys_created_on"]["display_value"] == "2026-01-05 09:00:00"


async def test_dates_are_shown_in_the_users_format(client: Client, instance: Instance) -> None:
    """The user's patterns apply to what is shown and to display values that are written."""
    with instance.transaction(instance.system) as session:
        formats = {"date_format": "dd/MM/yyyy", "time_format": "hh:mm:ss a", "time_zone": "UTC"}
        session.update("sys_user", ADMIN, formats)
    values = {"u_color": "r", "u_bought": "31/12/2025", "u_sold": "05/01/2026 01:00:00 PM"}
    both = {"sysparm_display_value": "all", "sysparm_input_display_value": "true"}
    record = await post(client, "u_toy", values, **both)
    assert record["u_bought"] == {"display_value": "31/12/2025", "value": "2025-12-31"}
    assert record["u_sold"] == {"display_value": "05/01/2026 01:00:00 PM", "value": "2026-01-05 13:00:00"}
    record = await post(client, "u_toy", {"u_color": "r", "u_bought": "2025-12-31"}, **both)
    assert record["u_bought"]["value"] == "2025-12-31"


async def test_date_times_at_the_edge_of_the_calendar(client: Client) -> None:
    """A moment that has no place on the user's calendar shows as it is stored."""
    record = await post(
        client, "u_toy", {"u_color": "r", "u_sold": "0001-01-01 00:00:00"}, sysparm_display_value="true"
    )
    assert record["u_sold"] == "0001-01-01 00:00:00"
    values = {"u_color": "r", "u_sold": "9999-12-31 23:00:00"}
    record = await post(client, "u_toy", values, sysparm_input_display_value="true")
    assert record["u_sold"] == "9999-12-31 23:00:00"


async def test_unknown_choices_may_be_refused(client: Client, instance: Instance, swallowed: Swallowed) -> None:
    """The property that forbids them makes them ignored."""
    with instance.transaction(instance.system) as session:
        name = "glide.rest.choice.allow_non_existing_value"
        session.insert("sys_properties", {"name": name, "value": "false"})
    record = await post(client, "problem", {"state": "55"})
    assert record["state"] == "101"
    assert swallowed() == ["choice-unknown"]


async def test_a_sys_id_of_another_form_is_ignored(client: Client, swallowed: Swallowed) -> None:
    """A primary key has 32 hexadecimal digits."""
    assert len((await post(client, "problem", {"sys_id": "../x"}))["sys_id"]) == 32
    assert swallowed() == ["value-ignored"]


async def test_display_values_can_be_written(client: Client) -> None:
    """With sysparm_input_display_value date-times are local, choices are labels, references are names."""
    values = {
        "due_date": "2026-01-05 01:00:00",
        "follow_up": "tomorrow",
        "state": "Assess",
        "assigned_to": "Natasha Ingram",
        "bunk": "1",
    }
    record = await post(client, "problem", values, sysparm_input_display_value="true")
    assert record["due_date"] == "2026-01-05 09:00:00"
    assert record["follow_up"] == ""
    assert record["state"] == "102"
    assert record["assigned_to"]["value"] == "46c5bf6ca9fe1981010713e3ac7d3384"


@pytest.mark.parametrize(
    ("column", "displayed", "stored"),
    [
        ("u_pieces", "1,234,567", "1234567"),
        ("u_pieces", "1,2", ""),
        ("u_weight", "-1,234.5", "-1234.5"),
        ("u_weight", "7", "7"),
        ("u_price", "$1,234.50", "USD;1234.50"),
        ("u_price", "CHF 1.00", "CHF;1.00"),
        ("u_price", "cheap", "cheap"),
        ("u_friends", "Natasha Ingram, System Administrator", f"46c5bf6ca9fe1981010713e3ac7d3384,{ADMIN}"),
        ("u_friends", "nobody", "nobody"),
    ],
)
async def test_displayed_values_can_be_written_back(client: Client, column: str, displayed: str, stored: str) -> None:
    """1.3, 1.7: grouped numbers, amounts with their sign and lists of names are display values, too."""
    record = await post(client, "u_toy", {"u_color": "r", column: displayed}, sysparm_input_display_value="true")
    assert record[column] == stored


async def test_a_list_of_anything_is_written_as_displayed(client: Client) -> None:
    """1.7: the entries of a list that refers to no table are taken as they are, without the space between them."""
    shown = {"sysparm_display_value": "all", "sysparm_input_display_value": "true"}
    record = await post(client, "sys_user_group", {"type": "a, b"}, **shown)
    assert record["type"] == {"display_value": "a, b", "value": "a,b"}


async def test_a_display_value_names_a_record_of_the_class_that_is_referred_to(client: Client) -> None:
    """A problem is found by its number where a problem is referred to, an incident is not, though both are tasks."""
    problem, incident = await post(client, "problem", {}), await post(client, "incident", {})
    written = {"problem_id": problem["number"], "parent_incident": problem["number"]}
    record = await post(client, "incident", written, sysparm_input_display_value="true")
    assert record["problem_id"]["value"] == problem["sys_id"]
    written = {"problem_id": incident["number"], "parent_incident": incident["number"]}
    other = await post(client, "incident", written, sysparm_input_display_value="true")
    assert other["parent_incident"]["value"] == incident["sys_id"]
    assert problem["sys_id"] not in str(record["parent_incident"])
    assert incident["sys_id"] not in str(other["problem_id"])


@pytest.mark.long
async def test_journal_columns_append(client: Client) -> None:
    """Each write appends an entry; raw they read empty, displayed newest first, and as rows."""
    record = await post(client, "u_toy", {"u_color": "r", "u_notes": "first"}, sysparm_display_value="all")
    first = "2026-01-05 01:00:00 - System Administrator (Notes)\nfirst\n\n"
    assert record["u_notes"] == {"display_value": first, "value": ""}
    changed = await patch(client, "u_toy", record["sys_id"]["value"], {"u_notes": "second"})
    assert changed["u_notes"] == ""
    assert changed["sys_mod_count"] == "1"
    sys_id = record["sys_id"]["value"]
    response = await client.get(f"/api/now/table/u_toy/{sys_id}?sysparm_display_value=true&sysparm_fields=u_notes")
    second = first.replace("first", "second")
    assert (await response.json())["result"]["u_notes"] == second + first
    entries = f"/api/now/table/sys_journal_field?sysparm_query=element_id={sys_id}&sysparm_fields=element,name,value"
    assert (await (await client.get(entries)).json())["result"] == [
        {"element": "u_notes", "name": "u_toy", "value": "first"},
        {"element": "u_notes", "name": "u_toy", "value": "second"},
    ]
    assert (await client.delete(f"/api/now/table/u_toy/{sys_id}")).status == 204
    assert (await (await client.get(entries)).json())["result"] == []


async def test_journal_columns_of_a_page_keep_apart(client: Client) -> None:
    """Each record of a list shows its own entries."""
    for text in ("one", "two"):
        await post(client, "u_toy", {"u_color": "r", "u_notes": text})
    response = await client.get("/api/now/table/u_toy?sysparm_display_value=true&sysparm_fields=u_notes")
    notes = [record["u_notes"].splitlines()[1] for record in (await response.json())["result"]]
    assert notes == ["one", "two"]


async def test_entries_of_deleted_authors_show_their_user_name(client: Client, instance: Instance) -> None:
    """An entry by a user who is not in the tables shows the user name."""
    with instance.transaction(instance.system) as session:
        record = session.insert("u_toy", {"u_notes": "hello"})
        assert "system (Notes)" in session.display(record, "u_notes")
    response = await client.get(f"/api/now/table/u_toy/{record.sys_id}?sysparm_display_value=true")
    assert (await response.json())["result"]["u_notes"] == "2026-01-05 01:00:00 - system (Notes)\nhello\n\n"


async def test_passwords_are_masked(client: Client) -> None:
    """A password that is set shows a mask, one that is not is empty; neither reads raw."""
    shown = {"sysparm_display_value": "all", "sysparm_input_display_value": "true"}
    record = await post(client, "u_toy", {"u_color": "r", "u_key": "secret"}, **shown)
    assert record["u_key"] == {"display_value": "********", "value": ""}
    record = await post(client, "u_toy", {"u_color": "r"}, **shown)
    assert record["u_key"] == {"display_value": "", "value": ""}


async def test_passwords_need_the_input_parameter(client: Client, swallowed: Swallowed) -> None:
    """Without sysparm_input_display_value a password is ignored with a finding."""
    record = await post(client, "u_toy", {"u_color": "r", "u_key": "secret"}, sysparm_display_value="true")
    assert record["u_key"] == ""
    assert swallowed() == ["password-ignored"]
