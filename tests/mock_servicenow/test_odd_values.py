"""Values at the edge of what arithmetic, libraries and databases take: none ends anything for good."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mock_servicenow.app import Blueprint
from mock_servicenow.settings import Settings

from .conftest import ACTIVITY_TYPE, CONFIGURATION, REQUEST, RESPONSE, SECRET, Instance, running

GUID = "85d71683-7dac-4762-8120-76a9a564fdc2"
SYS_FIELDS = {"sysparm_suppress_auto_sys_field": "true"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("pairs", "values", "rules"),
    [
        ({}, {"max_timeout": "9999-12-31 23:59:59"}, ["max-timeout-unbounded"]),
        ({}, {"max_timeout": f"{'9' * 5_000} 00:00:00"}, ["value-ignored"]),
        ({}, {"max_timeout": "0001-01-02 00:00:00"}, ["doubtful-value"]),
        ({"Maximum retry attempts": "9" * 5_000}, {}, ["configuration-bounded"]),
        ({"Maximum retry attempts": "1000000000"}, {}, ["configuration-bounded"]),
        ({"Minimum wait time": "00:00:00"}, {}, ["configuration-bounded"]),
        ({"Username": "\ud800"}, {}, []),
        ({"Token Url": "http://127.0.0.1:99999999999999999999/"}, {}, []),
        ({"Endpoint Url": "http://127.0.0.1:99999/"}, {}, []),
        ({"Endpoint Url": f"http://{'a' * 300}.example/"}, {}, []),
        ({"Endpoint Url": "http://\u2024.\ud800/"}, {}, []),
        ({"Password": "\0" + SECRET}, {}, ["secret-dropped"]),
        ({"Username": "\0"}, {}, []),
    ],
    ids=[
        "endless timeout",
        "days of 5,000 digits",
        "negative timeout",
        "retries of 5,000 digits",
        "a milliard of retries",
        "no wait",
        "half a surrogate pair",
        "port of many digits",
        "port out of range",
        "host too long",
        "host of no text",
        "Secret with NUL",
        "name with NUL",
    ],
)
async def test_an_instance_with_odd_rows_starts_again(
    tmp_path: Path, blueprint: Blueprint, pairs: dict[str, str], values: dict[str, str], rules: list[str]
) -> None:
    """Whatever a console registers, the instance takes decisions, starts again, and says what it does otherwise."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    async with running(settings, blueprint) as instance:
        instance_id = await instance.register(**pairs)
        ids = instance_id, await instance.add_activity_type(instance_id, **values)
        found = (await instance.call("GET", "/__admin/findings", None)).body["findings"]
        assert [each["rule"] for each in found if each["kind"] == "swallowed"] == rules
        sys_id = await instance.asked(ids)
        await instance.asked(ids, request_id=GUID)
        await instance.clock.settle()
        await instance.update(REQUEST, sys_id, {"status": "Approve"})
        await instance.clock.advance(1)
    async with running(settings, blueprint) as instance:
        await instance.clock.advance(86_400)
        assert len(await instance.read(REQUEST)) == 2
        assert (await instance.call("GET", "/__admin/deliveries", None)).status == 200
        other = await instance.set_up()
        sound = await instance.asked(other, request_id=GUID.replace("c2", "c3"))
        assert (await instance.update(REQUEST, sound, {"status": "Deny"})).status == 200
        await instance.clock.settle()
        assert len(instance.console.decisions) == 1


@pytest.mark.long
async def test_retries_have_a_floor_and_a_ceiling(instance: Instance) -> None:
    """Without a wait one second is waited, and after 1,000 retries none follows (inferred)."""
    instance.console.statuses = [503] * 2_000
    pairs = {"Minimum wait time": "00:00:00", "Maximum retry attempts": "1000000000"}
    instance_id = await instance.register(**pairs)
    sys_id = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
    await instance.update(REQUEST, sys_id, {"status": "Approve"})
    await instance.clock.advance(10)
    assert len(instance.console.decisions) == 11
    await instance.clock.advance(1_990)
    assert len(instance.console.decisions) == 1_001
    assert await instance.findings("configuration-bounded") == [
        "'Minimum wait time' is '00:00:00': 1 s are waited",
        "'Maximum retry attempts' is '1000000000': at most 1000 retries are made",
    ]


@pytest.mark.long
async def test_floor_and_ceilings_follow_the_inferred_rules(tmp_path: Path) -> None:
    """A user's file replaces the shortest wait, the most retries and the longest time-out."""
    file = tmp_path / "ours.yaml"
    file.write_text("rules: {shortest_wait: 7, most_retries: 2, longest_timeout: 5}")
    async with running(Settings(inferred=file)) as instance:
        instance.console.statuses = [503] * 9
        instance_id = await instance.register(
            **{"Minimum wait time": "00:00:00", "Maximum retry attempts": "1000000000"}
        )
        endless = await instance.add_activity_type(instance_id, max_timeout="06:00:00")
        sys_id = await instance.asked((instance_id, endless))
        await instance.update(REQUEST, sys_id, {"status": "Approve"})
        waiting = await instance.asked((instance_id, endless), request_id=GUID)
        longest = await instance.add_activity_type(instance_id, max_timeout="05:00:00")
        ending = await instance.asked((instance_id, longest), request_id=GUID.replace("c2", "c3"))
        await instance.clock.advance(6)
        assert len(instance.console.decisions) == 1
        await instance.clock.advance(1)
        assert len(instance.console.decisions) == 2
        await instance.clock.advance(7 * 3600)
        assert len(instance.console.decisions) == 3
        assert (await instance.read(REQUEST, waiting))["status"] == "Pending"
        assert (await instance.read(REQUEST, ending))["status"] == "TimedOut"
        assert await instance.findings("max-timeout-unbounded") == [
            "'max_timeout' is '1970-01-01 06:00:00', more than 5 hours: requests never time out"
        ]


@pytest.mark.parametrize(
    ("pairs", "bounded"),
    [
        ({"Maximum retry attempts": "1000"}, []),
        ({"Maximum retry attempts": "0000000000001000"}, []),
        ({"Maximum retry attempts": "1001"}, ["'Maximum retry attempts' is '1001': at most 1000 retries are made"]),
        ({"Minimum wait time": "00:00:01"}, []),
    ],
    ids=str,
)
async def test_nothing_is_bounded_up_to_the_bound(
    instance: Instance, pairs: dict[str, str], bounded: list[str]
) -> None:
    """A configuration that asks for as much as is done is done as it says."""
    await instance.register(**pairs)
    assert await instance.findings("configuration-bounded") == bounded


@pytest.mark.parametrize("created", ["9999-12-31 23:59:59", ""])
async def test_requests_made_at_odd_times(instance: Instance, created: str) -> None:
    """A request that says it was made at the edge of the calendar, or never, times out as others do."""
    ids = await instance.set_up()
    body = {"request_id": GUID, "instance_id": ids[0], "activity_type_id": ids[1], "metadata": "{}"}
    answer = await instance.call(
        "POST", f"/api/now/table/{REQUEST}", json=body | {"sys_created_on": created}, params=SYS_FIELDS
    )
    assert answer.status == 201
    sound = await instance.asked(ids)
    await instance.clock.advance(17 * 3600)
    assert (await instance.read(REQUEST, sound))["status"] == "TimedOut"
    assert (await instance.read(REQUEST, answer.result["sys_id"]))["status"] == "TimedOut"


@pytest.mark.long
async def test_a_rule_that_refuses_a_time_out_is_a_finding(instance: Instance, request: pytest.FixtureRequest) -> None:
    """A request that a business rule keeps from timing out is looked at again; others time out."""
    rule = {"name": "Stay", "collection": REQUEST, "when": "before", "action_update": "true", "abort_action": "true"}
    stored = await instance.insert("sys_script", {**rule, "filter_condition": f"request_id={GUID}"})
    ids = await instance.set_up()
    kept, sound = await instance.asked(ids, request_id=GUID), await instance.asked(ids)
    await instance.clock.advance(17 * 3600)
    assert (await instance.read(REQUEST, kept))["status"] == "Pending"
    assert (await instance.read(REQUEST, sound))["status"] == "TimedOut"
    (message,) = await instance.findings("time-out-refused")
    assert message.startswith(f"request {kept} cannot be timed out: ")
    await instance.call("DELETE", f"/api/now/table/sys_script/{stored.result['sys_id']}")
    shared = request.config.getoption("--store") == "postgresql"  # there it is looked at every few seconds
    await instance.clock.advance(59)
    assert (await instance.read(REQUEST, kept))["status"] == ("TimedOut" if shared else "Pending")
    await instance.clock.advance(1)
    assert (await instance.read(REQUEST, kept))["status"] == "TimedOut"


@pytest.mark.long
async def test_a_rule_that_refuses_a_response_ends_no_delivery(instance: Instance) -> None:
    """A response that a business rule keeps from being updated is delivered all the same, and says why."""
    rule = {"name": "Stay", "collection": REQUEST.replace("request", "response"), "when": "before"}
    await instance.insert("sys_script", {**rule, "action_update": "true", "abort_action": "true"})
    instance.console.statuses = [503]
    sys_id = await instance.asked(await instance.set_up())
    await instance.update(REQUEST, sys_id, {"status": "Approve"})
    await instance.clock.advance(60)
    (delivery,) = (await instance.call("GET", "/__admin/deliveries", None)).body["deliveries"]
    assert (delivery["state"], len(instance.console.decisions)) == ("delivered", 2)
    assert delivery["error"].startswith("the response could not be updated: ")


@pytest.mark.long
async def test_a_rule_that_refuses_a_response_keeps_the_maximum_of_retries(instance: Instance) -> None:
    """Retries end with their maximum although the response, which no update reaches, does not count them."""
    rule = {"name": "Stay", "collection": RESPONSE, "when": "before"}
    await instance.insert("sys_script", {**rule, "action_update": "true", "abort_action": "true"})
    instance.console.statuses = [503] * 100
    sys_id = await instance.asked(await instance.set_up())
    await instance.update(REQUEST, sys_id, {"status": "Approve"})
    await instance.clock.advance(3600)
    (delivery,) = (await instance.call("GET", "/__admin/deliveries", None)).body["deliveries"]
    assert (delivery["state"], len(instance.console.decisions)) == ("failed", 4)


@pytest.mark.long
async def test_an_instance_starts_again_whatever_an_administrator_did_to_its_rows(
    tmp_path: Path, blueprint: Blueprint
) -> None:
    """A record of each table is given other values, one is deleted, and one deleted and made again."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    async with running(settings, blueprint) as instance:
        for table in sorted({row["name"] for row in await instance.read("sys_db_object")}):
            listed = await instance.call("GET", f"/api/now/table/{table}?sysparm_query=ORDERBYDESCsys_created_on")
            rows = [row for row in listed.result if row.get("user_name") != "admin"] if listed.status == 200 else []
            for row, fate in zip(rows, ("changed", "deleted", "made again"), strict=False):
                path, odd = f"/api/now/table/{table}/{row['sys_id']}", dict.fromkeys(row, "zz")
                await instance.call("PATCH" if fate == "changed" else "DELETE", path, json=odd)
                if fate == "made again":
                    await instance.call("POST", f"/api/now/table/{table}", json={**odd, "sys_id": row["sys_id"]})
    for _ in range(2):
        async with running(settings, blueprint) as instance:
            assert (await instance.insert("incident", {})).status == 201


@pytest.mark.long
async def test_rows_that_another_program_wrote(tmp_path: Path, blueprint: Blueprint) -> None:
    """Values that no rule has seen are skipped, told as a finding or in the log, and keep nothing from starting."""
    file = tmp_path / "instance.db"
    settings = Settings(database=f"sqlite:///{file}")
    async with running(settings, blueprint) as instance:
        instance.console.statuses = [503]
        ids = await instance.set_up()
        await instance.asked(ids, request_id=GUID)
        await instance.update(REQUEST, await instance.asked(ids), {"status": "Approve"})
        await instance.clock.settle()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute(f"UPDATE {ACTIVITY_TYPE} SET max_timeout = 'soon'")  # noqa: S608
        other.execute("UPDATE x_thyti_thycotic_p_response_delivery SET attempts = 'none'")
    async with running(settings, blueprint) as instance:
        await instance.clock.advance(100)
        (message,) = await instance.findings("time-out-refused")
        for path in ("/__admin/deliveries", "/__cockpit/deliveries", "/__cockpit/approvals"):
            assert (await instance.call("GET", path, None)).status == 200
        (shown,) = await instance.findings("unreadable-row")
        assert shown.startswith("the delivery of response ")
        assert message.startswith(f"requests of activity type {ids[1]} cannot be timed out: ")
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("UPDATE x_thyti_thycotic_p_response_delivery SET attempts = NULL")
        for seconds, attempts in ((9, 0), (1, 1)):  # due after 50 s, and each minute after that
            await instance.clock.advance(seconds)
            (delivery,) = (await instance.call("GET", "/__admin/deliveries", None)).body["deliveries"]
            assert len(delivery["attempts"]) == attempts


@pytest.mark.long
@pytest.mark.parametrize(
    "date", ["soon", "2026-01-05T09:00:00Z", "2026-01-0x", "2026-01-05 08:59:5x", "1-2", "x" * 500]
)
async def test_a_date_that_another_program_wrote_delays_no_other_request(
    tmp_path: Path, blueprint: Blueprint, date: str
) -> None:
    """Its request is a finding, and times out in the end; the others time out when they are due."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    async with running(settings, blueprint) as instance:
        ids = await instance.set_up(max_timeout="01:00:00")
        odd, sound = [await instance.asked(ids, request_id=f"{GUID[:-1]}{number}") for number in (7, 8)]
    with closing(sqlite3.connect(tmp_path / "instance.db", isolation_level=None)) as other:
        other.execute(f"UPDATE {REQUEST} SET sys_created_on = ? WHERE sys_id = ?", (date, odd))  # noqa: S608
    async with running(settings, blueprint) as instance:
        for seconds, status in ((3599, "Pending"), (1, "TimedOut")):
            await instance.clock.advance(seconds)
            assert (await instance.read(REQUEST, sound))["status"] == status
        await instance.clock.advance(24 * 3600)
        assert (await instance.read(REQUEST, odd))["status"] == "TimedOut"
        (message,) = await instance.findings("unreadable-row")
        assert message.startswith(f"request {odd} has the date '{date[:20]}")


@pytest.mark.long
async def test_a_request_with_a_date_that_another_program_wrote_can_be_decided(
    tmp_path: Path, blueprint: Blueprint
) -> None:
    """As one without a date."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    async with running(settings, blueprint) as instance:
        odd = await instance.asked(await instance.set_up())
    with closing(sqlite3.connect(tmp_path / "instance.db", isolation_level=None)) as other:
        other.execute(f"UPDATE {REQUEST} SET sys_created_on = 'soon'")  # noqa: S608
    async with running(settings, blueprint) as instance:
        await instance.update(REQUEST, odd, {"status": "Approve"})
        assert (await instance.read(REQUEST, odd))["status"] == "Approve"


@pytest.mark.parametrize("lifespan", ["9223372036854775807", "-9223372036854775807"])
async def test_tokens_of_odd_lifespans(instance: Instance, lifespan: str) -> None:
    """A client's lifespan may be any number: a token lives a century at most."""
    (client,) = await instance.read("oauth_entity")
    await instance.update("oauth_entity", client["sys_id"], {"access_token_lifespan": lifespan})
    form = {"grant_type": "password", "username": "admin", "password": "admin"}
    secret = {"client_id": client["client_id"], "client_secret": "ready-made-secret"}
    answer = await instance.call("POST", "/oauth_token.do", None, data=form | secret)
    assert (answer.status, answer.body["expires_in"]) == (200, 3_153_600_000 if lifespan[0] == "9" else 0)


@pytest.mark.parametrize("zone", ["Europe", "a" * 300, "/etc/passwd"])
async def test_time_zones_that_are_none(instance: Instance, zone: str) -> None:
    """A user whose time zone names a folder, or nothing at all, reads UTC."""
    (admin,) = await instance.read("sys_user", query="user_name=admin")
    assert (await instance.update("sys_user", admin["sys_id"], {"time_zone": zone})).status == 200
    answer = await instance.call("GET", "/api/now/table/sys_user", params={"sysparm_display_value": "true"})
    assert answer.status == 200


@pytest.mark.parametrize("moment", ["9999-12-31 23:59:59", ""])
async def test_a_lockout_at_an_odd_time(instance: Instance, moment: str) -> None:
    """A user who was locked out at the edge of the calendar, or at no time, is refused without an error."""
    name, password = await instance.add_user("locked")
    (user,) = await instance.read("sys_user", query=f"user_name={name}")
    body = {"locked_out": "true", "failed_attempts": "5", "sys_updated_on": moment}
    await instance.call("PATCH", f"/api/now/table/sys_user/{user['sys_id']}", json=body, params=SYS_FIELDS)
    assert (await instance.call("GET", "/api/now/table/sys_user", (name, password))).status == 401


async def test_a_record_that_was_changed_too_often_to_be_counted(instance: Instance) -> None:
    """The count of changes stays at the largest number that the database holds."""
    most = str(2**63 - 1)
    answer = await instance.call("POST", "/api/now/table/problem", json={"sys_mod_count": most}, params=SYS_FIELDS)
    changed: Any = await instance.update("problem", answer.result["sys_id"], {"short_description": "x"})
    assert (changed.status, changed.result["sys_mod_count"]) == (200, most)


async def test_a_registration_of_no_text(instance: Instance) -> None:
    """A registration in which half a surrogate pair and a number of any length are written out is stored."""
    pairs = json.dumps(instance.metadata() | {"Password": "\ud800", "n": 10**30})
    answer = await instance.insert(CONFIGURATION, {"instance_metadata": pairs})
    assert answer.status == 201
    assert "ud800" not in answer.result["instance_metadata"]


@pytest.mark.parametrize(
    ("cost", "stored"),
    [
        ("1.7976931348623157e308", ""),
        ("-1.7976931348623157e308", ""),
        ("1e100", ""),
        ("-9.99999999999999e99", "-9.99999999999999e+99"),
        ("4.9e-324", "4.94065645841247e-324"),
    ],
    ids=["largest", "smallest", "first too large", "last that counts", "nearest to zero"],
)
async def test_a_list_shows_whatever_decimals_were_stored(instance: Instance, cost: str, stored: str) -> None:
    """A number that would not come back from the database, or that has no finite sum, is ignored when it is written."""
    for _ in range(3):
        answer = await instance.insert("cmdb_ci", {"name": "odd", "cost": cost})
        assert (answer.status, answer.result["cost"]) == (201, stored)
    assert len(await instance.findings("value-ignored")) == 3 * (not stored)
    assert [each["cost"] for each in await instance.read("cmdb_ci", query="name=odd")] == [stored] * 3
    asked = {"sysparm_sum_fields": "cost", "sysparm_avg_fields": "cost", "sysparm_group_by": "name"}
    answer = await instance.call("GET", "/api/now/stats/cmdb_ci", params=asked)
    assert answer.status == 200
    assert "inf" not in str(answer.result)


async def test_a_user_name_of_no_text(instance: Instance) -> None:
    """Half a surrogate pair that a registration keeps written out is sent as a question mark."""
    ids = await instance.set_up()
    pairs = json.dumps(instance.metadata() | {"Username": "\ud800", "Password": "********"})
    await instance.update(CONFIGURATION, ids[0], {"instance_metadata": pairs})
    await instance.update(REQUEST, await instance.asked(ids), {"status": "Deny"})
    await instance.clock.settle()
    assert instance.console.logons == [{"UserName": "?", "Password": SECRET}]
