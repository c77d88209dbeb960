"""What the cockpit saves as a scenario plays, and fails when its expectations are altered."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from aiohttp import encode_basic_auth

from privman_contracts import Contracts
from privman_contracts.scenario_text import scenario_text
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_core.virtual_clock import VirtualClock
from privman_scenarios.commands.cli import main
from privman_scenarios.language.loader import Loader
from privman_scenarios.playing.verbs import vocabulary
from tests.ui_seed.both_fakes import BothFakes, both_fakes

REQUESTS = "/api/now/table/x_thyti_thycotic_p_request"
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
GUID, ROW, MADE = "85d71683-7dac-4762-8120-76a9a564fdc1", "a" * 32, "b" * 32
INSTANCE, ACTIVITY = "c" * 32, "d" * 32
APPROVE = "/Tms/services/api/v1/approval/approve"
Story = Callable[[BothFakes], Coroutine[None, None, None]]


def steps_of(*exchanges: ExchangeToSave) -> list[dict[str, Any]]:
    """Return the steps of the scenario, which the language accepts."""
    text = scenario_text("Something was seen", exchanges, Contracts.load())
    Loader(vocabulary()).parse(text, "saved.yaml")
    return list(yaml.safe_load(text)["steps"])


def seen(server: str, method: str, target: str, status: int = 200, **more: Any) -> ExchangeToSave:
    """Return an exchange; its bodies may be given as objects."""
    more |= {key: orjson.dumps(more[key]).decode() for key in ("request", "answer") if key in more}
    at = START + timedelta(seconds=more.pop("after", 0))
    return ExchangeToSave(at=at, server=server, method=method, target=target, status=status, **more)


def asked(status: int = 201, **more: Any) -> ExchangeToSave:
    """Return a request for approval."""
    body = {
        "request_id": GUID,
        "instance_id": INSTANCE,
        "activity_type_id": ACTIVITY,
        "metadata": '{"UserReason":"<b>"}',
    }
    answer = {"result": {"sys_id": ROW, "status": "Pending"}} if status == 201 else {"error": {"message": "no"}}
    return seen("ServiceNow", "POST", REQUESTS, status, request=body, answer=answer, by_party=True, **more)


def decided(status: int = 200, response: str = "Approve", **more: Any) -> ExchangeToSave:
    """Return an approver's decision."""
    return seen("ServiceNow", "PATCH", f"{REQUESTS}/{ROW}", status, request={"status": response, "comment": ""}, **more)


def delivered(status: int = 200, request_id: str = GUID, **more: Any) -> ExchangeToSave:
    """Return an attempt to deliver a decision."""
    body = {"RequestId": request_id, "Response": "Deny", "Comment": "No", "Duration": "01:00:00"}
    return seen("Console", "POST", APPROVE, status, request=body, by_party=True, **more)


ASK = {"console.ask": {"as": "request", "metadata": {"UserReason": "<<b>>"}}}
ARRIVED = {"servicenow.expect-exchanges": {"direction": "in", "method": "POST",
                                           "path": "/api/now/table/${table.request}", "statuses": [201]}}  # fmt: skip


def test_request_is_asked_and_decided() -> None:
    """The decision is expected at both parties; an attempt that failed has its fault, and the next one its wait."""
    steps = steps_of(asked(), decided(), delivered(503, fault="status"), delivered(after=50), delivered(409, after=51))
    options = {"kind": "status", "method": "POST", "path": APPROVE, "options": {"status": 503}}
    assert steps == [
        {"console.fault": options},
        ASK,
        {"servicenow.decide": {"request": "request", "response": "Approve"}},
        {"clock.advance": "50 seconds"},
        {"clock.advance": "1 second"},
        ARRIVED,
        {"servicenow.expect-request": {"request": "request", "status": "Approve"}},
        {"servicenow.expect-exchanges": {"direction": "out", "method": "POST", "path": APPROVE,
                                         "statuses": [503, 200, 409]}},
    ]  # fmt: skip


def test_decision_of_a_page_is_known_from_its_delivery() -> None:
    """The journal does not say what was typed into a page."""
    steps = steps_of(asked(), delivered())
    assert steps[1] == {
        "servicenow.decide": {"request": "request", "response": "Deny", "comment": "No", "duration": "01:00:00"}
    }
    assert steps[-1] == {"console.expect-approval": {"request": "request", "state": "Denied"}}


def test_forms_that_asked_and_decided_are_steps() -> None:
    """The journal has no fields of forms, so the steps are known from what the parties then send; others are left out.

    What the console sends when somebody decides there is a decision in the console; it may be sent again.
    """
    form: dict[str, Any] = {"status": 303, "form": True, "about": [GUID]}
    exchanges = [
        seen("Console", "POST", "/endpoint", **form),
        asked(),
        seen("Console", "POST", "/manage-approvals/decide", **form),
        decided(503, by_party=True),
        decided(by_party=True),
        seen("Console", "POST", "/endpoint", **form),
        seen("ServiceNow", "POST", "/incident.do?sys_id=1", 200, form=True),
    ]
    assert steps_of(*exchanges)[:2] == [
        ASK,
        {"console.decide": {"request": "request", "response": "Approve"}},
    ]
    text = scenario_text("Clicks", exchanges, Contracts.load())
    assert text.startswith(
        "# Left out: 2 forms that a browser posted (POST /endpoint, POST /incident.do), of which the journal has no"
    )
    assert ".call" not in text
    assert scenario_text("Clicks", exchanges[-1:], Contracts.load()) == ""


def test_refused_decision_is_expected_to_be_refused() -> None:
    """It changes nothing."""
    steps = steps_of(asked(), decided(403))
    assert steps[2] == {"servicenow.expect-refusal": 403}
    assert {"servicenow.expect-request": {"request": "request", "status": "Pending"}} in steps


def test_request_that_is_refused_has_no_status() -> None:
    """Only the refusal is expected, and what is odd in it is left alone."""
    refused = seen("ServiceNow", "POST", REQUESTS, 403, request={"request_id": GUID}, answer={"odd key": "a"})
    assert [next(iter(each)) for each in steps_of(refused)] == ["console.ask", "servicenow.expect-exchanges"]


def test_response_of_an_own_word_has_no_known_state() -> None:
    """The console's state for it is not known beforehand."""
    own = {"RequestId": GUID, "Response": "Maybe", "Comment": ""}
    text = scenario_text("Maybe", [asked(), seen("Console", "POST", APPROVE, request=own)], Contracts.load())
    assert "expect-approval" not in text


def test_id_of_before_stays() -> None:
    """A record that no step made is the one that was there."""
    call = steps_of(seen("ServiceNow", "GET", f"/api/now/table/incident/{MADE}", answer={"odd key": "a"}))
    assert call == [{"servicenow.call": {"path": f"/api/now/table/incident/{MADE}", "unknown_path": True}}]


def test_request_that_does_not_arrive_is_sent_again() -> None:
    """The fault spares what came before it."""
    steps = steps_of(
        seen("ServiceNow", "POST", REQUESTS, 400, request={}, by_party=False),
        asked(0, fault="reset"),
        asked(after=60),
    )
    assert steps[0] == {
        "servicenow.fault": {"kind": "reset", "method": "POST", "path": "/api/now/table/${table.request}", "skip": 1}
    }
    assert steps[2]["console.ask"]["sent"] is False


def test_long_waits_need_a_longer_timeout() -> None:
    """The usual process of a set-up would have timed out."""
    text = scenario_text("It takes long", [asked(), decided(after=7_200)], Contracts.load())
    assert yaml.safe_load(text)["given"] == {"process_timeout": "7 days"}
    assert "so process_timeout is 7 days" in text.partition("\n")[0]


def test_ids_are_captured_and_secrets_come_from_the_environment() -> None:
    """A record that a step made is used by its name; what nobody knows beforehand is not expected."""
    made = {"result": {"sys_id": MADE, "number": "INC0010001", "short_description": "Lost", "list": ["Lost"]}}
    body = {"short_description": "Lost", "u_ref": INSTANCE, "password": "***", "list": [1, "<x>"]}
    text = scenario_text(
        "An incident is made",
        [
            asked(),
            seen("ServiceNow", "POST", "/api/now/table/incident", 201, request=body, answer=made, authorized=True),
            seen("ServiceNow", "GET", f"/api/now/table/incident/{MADE}", answer=made, authorized=True),
            seen("ServiceNow", "GET", f"{REQUESTS}/{ROW}"),
            seen("ServiceNow", "GET", f"{REQUESTS}/{ROW}", 0),
            seen("Console", "GET", "/Tms/services/api/v1/policies/GetAll", 401, authorized=True,
                 answer={"Status": "no"}),
            seen("ServiceNow", "PUT", "/api/now/other", 200),
        ],
        Contracts.load(),
    )  # fmt: skip
    document = yaml.safe_load(text)
    calls = [step for step in document["steps"] if next(iter(step)).endswith((".call", ".find"))]
    expected = {"result": {"short_description": "Lost", "list": ["Lost"]}}
    assert calls == [
        {"servicenow.call": {
            "method": "POST", "path": "/api/now/table/incident", "unknown_path": True,
            "json": {"short_description": "Lost", "u_ref": "${instance_id}", "password": "${env.PASSWORD}",
                     "list": [1, "<<x>>"]},
            "by": "administrator", "status": 201, "body": expected, "as": "answer",
        }},
        {"servicenow.call": {"path": "/api/now/table/incident/${answer.body.result.sys_id}", "unknown_path": True,
                             "by": "administrator", "body": expected}},
        {"servicenow.find": {"table": "request", "as": "request-row",
                             "where": {"request_id": "${request.request_id}"}}},
        {"servicenow.call": {"path": "/api/now/table/${table.request}/${request-row.sys_id}"}},
        {"console.call": {"path": "/Tms/services/api/v1/policies/GetAll", "status": 401, "body": {"Status": "no"}}},
        {"servicenow.call": {"method": "PUT", "path": "/api/now/other", "unknown_path": True}},
    ]  # fmt: skip
    assert text.startswith("# Set the environment variable PASSWORD: its value was masked.\n# Left out: GET ")


def test_refused_credentials_give_no_rights() -> None:
    """What was refused is not done with the rights of a step: writes are left out and named, reads log nobody in."""
    incident = "/api/now/table/incident"
    refused: dict[str, Any] = {"status": 401, "authorized": True, "by_party": False}
    text = scenario_text(
        "Refused",
        [
            seen("ServiceNow", "DELETE", f"{incident}/{ROW}", **refused),
            seen("ServiceNow", "PATCH", f"{REQUESTS}/{ROW}", request={"status": "Approve"}, status=401, by_party=False),
            seen("Console", "POST", "/Tms/services/api/v1/approval/approve", request={"RequestId": GUID}, **refused),
            seen("ServiceNow", "GET", incident, **refused),
            seen("ServiceNow", "POST", incident, status=401, by_party=False),
            seen("ServiceNow", "PUT", incident, **{**refused, "fault": "status"}),
        ],
        Contracts.load(),
    )
    notes = [line.split()[3] for line in text.splitlines() if line.endswith("whose credentials were refused (401).")]
    assert notes == ["DELETE", "PATCH", "POST"]
    fault, *calls = [next(iter(step.values())) for step in yaml.safe_load(text)["steps"]]
    assert (fault["kind"], [each.get("method", "GET") for each in calls]) == ("status", ["GET", "POST", "PUT"])
    assert [each.get("by") for each in calls] == [None, None, "administrator"]


def test_decision_on_a_request_that_is_not_selected_has_another_in_its_place() -> None:
    """So the step plays by itself; a remark says so."""
    assert steps_of(delivered())[0] == {"console.ask": {"as": "request"}}
    assert steps_of(decided())[:2] == [
        {"console.ask": {"as": "request"}},
        {"servicenow.decide": {"request": "request", "response": "Approve"}},
    ]
    text = scenario_text("One of two", [delivered()], Contracts.load())
    assert text.startswith(f"# The approval request {GUID} is not selected: request is in its place.\n")


def test_what_a_party_does_of_its_own_accord_is_left_out() -> None:
    """A remark says so of a read; nothing is left to play where there is nothing else."""
    own = [
        seen("Console", "POST", "/Tms/services/api/logon/token", by_party=True),
        seen("ServiceNow", "GET", f"{REQUESTS}?a=1", by_party=True),
    ]
    assert scenario_text("Nothing is asked", own, Contracts.load()) == ""
    other = seen("ServiceNow", "GET", "/api/now/table/incident", answer="[" * 100 + "]" * 100)
    text = scenario_text("Something is asked", [*own, other], Contracts.load())
    notes = [line for line in text.split("\n") if line.startswith("#")]
    assert notes == [f"# Left out: GET {REQUESTS}?a=1, which the other party sends of its own accord."]


async def _call(fakes: BothFakes, method: str, url: str, json: object = None, user: str = "") -> Any:
    headers = {"Authorization": encode_basic_auth(user, "admin")} if user else {}
    async with fakes.http.request(method, url, json=json, headers=headers) as answer:
        return await (answer.json() if answer.content_type == "application/json" else answer.text())


async def _ask(fakes: BothFakes, **metadata: str) -> str:
    body = {"metadata": {"PolicyName": "Elevate installers", **metadata}}
    return str((await fakes.control(fakes.console, "POST", "/approval-requests", body))["request_id"])


async def _decide(fakes: BothFakes, request_id: str, response: str, **values: str) -> None:
    """Let an approver decide, and wait until the decision has been delivered or refused."""
    table = f"{fakes.servicenow}{REQUESTS}"
    found = await _call(fakes, "GET", f"{table}?request_id={request_id}", user="admin")
    body = {"status": response, **values}
    await _call(fakes, "PATCH", f"{table}/{found['result'][0]['sys_id']}", body, "privman.approver")
    await fakes.control(fakes.servicenow, "POST", "/clock/advance", {"seconds": 0})


async def _retried(fakes: BothFakes) -> None:
    """A decision arrives at the second attempt; another one is refused; a record is made and changed."""
    fault = {"kind": "status", "status": 503, "path": "*/approval/approve"}
    await fakes.control(fakes.console, "POST", "/faults", fault)
    request_id = await _ask(fakes, UserReason='It\'s "needed" <now>')
    await _decide(fakes, request_id, "Approve", comment="Fine")
    await fakes.control(fakes.servicenow, "POST", "/clock/advance", {"seconds": 50})
    await _decide(fakes, request_id, "Deny")
    table = f"{fakes.servicenow}/api/now/table/incident"
    made = await _call(fakes, "POST", table, {"short_description": "A laptop is lost"}, "admin")
    await _call(fakes, "PATCH", f"{table}/{made['result']['sys_id']}", {"state": "2"}, "admin")
    await _call(fakes, "GET", f"{fakes.servicenow}/api/now/table/nothing", user="admin")
    await _call(fakes, "GET", f"{fakes.console}/Tms/services/api/v1/version/Current")


async def _denied(fakes: BothFakes) -> None:
    """Two requests have different decisions."""
    first, second = await _ask(fakes, FilePath="C:\\one.exe"), await _ask(fakes, FilePath="C:\\two.exe")
    await _decide(fakes, second, "Deny")
    await _decide(fakes, first, "Approve", duration="01:00:00")


async def _saved(story: Story, *, at_console: bool) -> str:
    """Return the scenario of everything that a story leaves in the journals, as either cockpit saves it."""
    clock, names = VirtualClock(), list[str]()
    async with both_fakes(clock, clock) as fakes:
        await fakes.set_up()
        ends = {"servicenow": fakes.servicenow, "console": fakes.console}
        before = {name: len((await fakes.control(url, "GET", "/requests"))["requests"]) for name, url in ends.items()}
        await story(fakes)
        for name, url in ends.items():
            kept = (await fakes.control(url, "GET", "/requests"))["requests"][before[name] :]
            names += [f"x={name}-{each['number']}" for each in kept]
        return await fakes.look(
            ends["console" if at_console else "servicenow"], f"/selection/saved.yaml?{'&'.join(names)}"
        )


async def _post(fakes: BothFakes, page: str, marker: str, values: dict[str, str], action: str = "") -> None:
    """Post the form of a page that has the marker in it, as a browser does."""
    parts = (await _call(fakes, "GET", page)).split("<form")[1:]
    form = next(each for each in parts if marker in each.partition("</form>")[0])
    hidden = dict(re.findall(r'<input type="hidden" name="([\w.]+)" value="([^"]*)">', form.partition("</form>")[0]))
    async with fakes.http.post(action or page, data=hidden | values) as answer:
        assert answer.status == 200


async def _start(fakes: BothFakes, application: str) -> str:
    """Start an application on the endpoint's page; return the RequestId."""
    values = {"PolicyName": "Elevate installers", "UserReason": "Needed", "ProcessName": application}
    await _post(fakes, f"{fakes.console}/endpoint", "UserReason", values)
    table = f"{fakes.servicenow}{REQUESTS}?sysparm_query=ORDERBYDESCsys_created_on"
    newest = (await _call(fakes, "GET", table, user="admin"))["result"]
    return str(next(each["request_id"] for each in newest if application in each["metadata"]))


async def _clicked(fakes: BothFakes) -> None:
    """One request is approved on the form in ServiceNow, others in the console; another form changes the console."""
    first, second, third = [await _start(fakes, f"{name}.exe") for name in ("one", "two", "three")]
    await _post(fakes, f"{fakes.servicenow}/login.do", "user_password",
                {"user_name": "privman.approver", "user_password": "admin"})  # fmt: skip
    found = await _call(fakes, "GET", f"{fakes.servicenow}{REQUESTS}?request_id={first}", user="admin")
    form = f"{fakes.servicenow}/{REQUESTS.rpartition('/')[2]}.do?sys_id={found['result'][0]['sys_id']}"
    await _post(fakes, form, "decide:", {"sys_action": "decide:Approve", "decision.comment": "Fine"})
    await fakes.control(fakes.servicenow, "POST", "/clock/advance", {"seconds": 0})
    approvals = f"{fakes.console}/manage-approvals"
    confirm = f"{approvals}/confirm"
    await _post(fakes, f"{confirm}?request={second}", "duration", {"request": second, "duration": "one_time"}, confirm)
    await _post(fakes, approvals, "decide", {"decide": f"Deny {third}"})
    await fakes.control(fakes.servicenow, "POST", "/clock/advance", {"seconds": 0})


@pytest.mark.long
@pytest.mark.parametrize("at_console", [True, False], ids=["console", "servicenow"])
@pytest.mark.parametrize("story", [_retried, _denied, _clicked])
def test_saved_scenario_plays(story: Story, tmp_path: Path, *, at_console: bool) -> None:
    """The command plays it, and fails where an expectation is altered."""
    text = asyncio.run(_saved(story, at_console=at_console))
    file = tmp_path / "saved.yaml"
    file.write_text(text, encoding="utf-8")
    assert main(["run", str(file)]) == 0, text
    for pattern, other in (
        (r"state: Approved", "state: Denied"),
        (r"- 200\n", "- 404\n"),
        (r"status: Approve", "status: Deny"),
    ):
        altered, count = re.subn(pattern, other, text)
        assert count
        file.write_text(altered, encoding="utf-8")
        assert main(["run", str(file)]) == 1, altered
