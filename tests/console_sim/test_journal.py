"""The console's journal: contracts kept, secrets masked, faults, determinism."""

import json
import re
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from console_sim.app import create_app
from console_sim.settings import Settings
from privman_contracts import InferredNamesError
from privman_core.ids import Ids
from privman_core.instruments import INSTRUMENTS
from privman_core.virtual_clock import VirtualClock

from .conftest import REGISTRATIONS, TOKEN, ConsoleUnderTest, StubServiceNow, answering
from .on_file import console_on


async def round_trip(console: ConsoleUnderTest) -> None:
    """Ask twice, decide once by delivery and once in the console, and log out."""
    request = await console.ask(FilePath="C:\\Ünï\\\U0001f6e0.exe")
    decision = console.decision(request["request_id"], Comment="ok", Duration="01:00:00")
    await console.deliver(decision)
    other = await console.ask()
    path = f"/approval-requests/{other['request_id']}/decide"
    await console.admin("POST", path, {"response": "Approve", "duration": "00:10:00"})
    token = await console.log_on()
    await console.call("DELETE", "/Tms/services/api/logon/token", headers={"Authorization": f"Bearer {token}"})
    await console.call("GET", "/Tms/services/api/v1/version/Current")
    await console.call("GET", "/Tms/services/swagger/docs/v1")


async def test_exchanges_keep_their_contracts(console: ConsoleUnderTest) -> None:
    """Nothing in the set-up and the round trip breaks a contract, in either direction."""
    await round_trip(console)
    assert await console.admin("GET", "/findings") == {"findings": []}


async def test_violations_are_found(console: ConsoleUnderTest) -> None:
    """An answer of ServiceNow that breaks its contract is a finding, though the console lives with it."""
    console.servicenow.conditions.append(answering(201, '{"result":{"sys_id":"1"}}'))
    await console.ask()
    (finding,) = (await console.admin("GET", "/findings"))["findings"]
    assert (finding["kind"], finding["rule"], finding["where"]) == ("violation", "approval-answer", "$.result.sys_id")


@pytest.mark.long
async def test_live_tokens_are_masked_however_many_follow(console: ConsoleUnderTest) -> None:
    """A token that is still good is in no output after 1,100 further log-ons of another user."""
    await console.admin("POST", "/api-users", {"display_name": "Other", "credential": "other"})
    first = (await console.admin("POST", "/tokens", {"user": "Other"}))["token"]
    for _ in range(1_100):
        await console.log_on()
    await console.call("GET", f"/Tms/services/api/v1/version/Current?note={first}")
    (exchange,) = (await console.admin("GET", "/requests?last=1"))["requests"]
    assert exchange["url"] == "/Tms/services/api/v1/version/Current?note=***"


async def test_no_secret_is_shown(console: ConsoleUnderTest) -> None:
    """Client Id, Secret, tokens and the ServiceNow password are in no output of the control plane."""
    await round_trip(console)
    pairs = console.servicenow.metadata()
    token = await console.log_on()
    await console.deliver({}, token)
    paths = ["requests", "findings", "webhooks", "approval-requests", "api-user", "foreign-system", "faults"]
    shown = json.dumps([await console.admin("GET", f"/{path}") for path in paths], ensure_ascii=False)
    for secret in (pairs["Username"], pairs["Password"], token, console.servicenow.password):
        assert secret not in shown
    assert '"Endpoint Url' in json.loads(json.dumps(shown)).replace("\\", "")


async def masked(console: ConsoleUnderTest, secret: str) -> bool:
    """Return whether neither journal nor findings nor cockpit show a secret that was sent at least once."""
    outputs = [await console.admin("GET", f"/{path}") for path in ("requests", "findings")]
    pages = ["", *(f"/exchanges/console/{each['number']}" for each in outputs[0]["requests"])]
    for page in pages:
        async with console.session.get(f"{console.url}/__cockpit{page}") as answer:
            assert answer.status == 200
            outputs.append(await answer.text())
    return secret not in json.dumps(outputs, ensure_ascii=False)


@pytest.mark.long
@pytest.mark.parametrize(
    ("sent", "state", "status"),
    [
        (("Username", "Password"), {}, 200),
        (("Username", "Password"), {"active": False}, 401),
        (("Endpoint Url", "Password"), {}, 401),
        (("Password", "Username"), {}, 401),
    ],
)
async def test_a_secret_from_before_the_restart_is_masked(
    file: Path, servicenow: StubServiceNow, sent: tuple[str, str], state: dict[str, bool], status: int
) -> None:
    """A log-on shows the console the Secret of which it has the digest alone, in whichever field."""
    async with console_on(file, servicenow) as console:
        await console.set_up()
        pairs = servicenow.metadata()
        await console.admin("POST", "/credential", {"credential": "ServiceNow webhook", "password": "another-Passw0rd"})
    async with console_on(file, servicenow) as console:
        await console.admin("POST", "/api-user", state)
        body = {"UserName": pairs[sent[0]], "Password": pairs[sent[1]]}
        assert (await console.call("POST", TOKEN, body))[0] == status
        await console.call("GET", f"/Tms/services/api/v1/version/Current?note={pairs['Password']}")
        assert await masked(console, pairs["Password"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"UserName": "a", "Pin": "tiger"}', "application/json"),
        ('{"UserName": "a", "Password": ["tiger"]}', "application/json"),
        ('["a", "tiger"]', "application/json"),
        ('"tiger"', "application/json"),
        ("{UserName: a, Password: tiger}", "application/json"),
        ("a:tiger", "text/plain"),
    ],
)
async def test_a_log_on_that_cannot_be_read_is_not_shown(
    console: ConsoleUnderTest, body: str, content_type: str
) -> None:
    """Any part of it may be the Secret, or nearly so."""
    headers = {"Content-Type": content_type}
    assert (await console.call("POST", TOKEN, data=body.encode(), headers=headers))[0] in {400, 415}
    (exchange,) = (await console.admin("GET", "/requests?last=1"))["requests"]
    assert exchange["request"]["body"] == "***"
    assert await masked(console, "tiger")


async def test_a_wrong_password_is_masked_in_its_place(console: ConsoleUnderTest) -> None:
    """The rest of such a log-on is shown."""
    assert (await console.call("POST", TOKEN, {"UserName": "a", "PassWord": "tiger"}))[0] == 401
    (exchange,) = (await console.admin("GET", "/requests?last=1"))["requests"]
    assert json.loads(exchange["request"]["body"]) == {"UserName": "a", "PassWord": "***"}


async def test_secrets_are_masked_under_inferred_names(servicenow: StubServiceNow, tmp_path: Path) -> None:
    """A short one, which only its place gives away."""
    ours = tmp_path / "ours.yaml"
    ours.write_text("keys: {token: {Password: Pin}, instance_metadata: {Password: Shared code}}", encoding="utf-8")
    async with console_on(tmp_path / "console.db", servicenow, Settings(inferred=ours)) as console:
        await console.set_up()
        await console.admin("POST", "/credential", {"credential": "ServiceNow webhook", "password": "tiger"})
        assert servicenow.metadata()["Shared code"] == "tiger"
        assert (await console.call("POST", TOKEN, {"UserName": "a", "Pin": "tiger"}))[0] == 401
        assert await masked(console, "tiger")


async def test_secret_is_sent_only_with_the_registration(console: ConsoleUnderTest) -> None:
    """Of all calls to ServiceNow only the registration carries the Secret."""
    await round_trip(console)
    secret = console.servicenow.metadata()["Password"]
    assert [path for _, path, body in console.servicenow.calls if secret in json.dumps([path, body])] == [REGISTRATIONS]


@pytest.mark.long
async def test_same_seed_same_journal(servicenow: StubServiceNow) -> None:
    """The same seed and the same calls give the same journal, but for its port and the stub's Date."""
    journals = []
    for _ in range(2):
        servicenow.tables.clear()
        server = TestServer(create_app(Settings(console_url="http://console"), clock=VirtualClock(), ids=Ids(7)))
        await server.start_server()
        async with ClientSession() as session:
            url = f"http://{server.host}:{server.port}"
            console = ConsoleUnderTest(url, VirtualClock(), session, servicenow)
            await console.set_up()
            await round_trip(console)
            journals.append(re.sub(rf":{server.port}|\[\"Date\", [^]]*", "", json.dumps(await console.journal())))
        await server.close()
    assert journals[0] == journals[1]


async def test_faults_strike_the_api(console: ConsoleUnderTest) -> None:
    """An armed fault meets the next fitting call, and not the control plane."""
    await console.admin("POST", "/faults", {"kind": "status", "status": 503, "path": "/tms/*"})
    assert (await console.call("GET", "/Tms/services/swagger/docs/v1", headers={}))[0] == 503
    assert (await console.call("GET", "/Tms/services/swagger/docs/v1"))[0] == 200


async def test_journal_and_faults_are_within_reach() -> None:
    """A test in the same process reaches journal and faults through the application."""
    app = create_app(Settings(), clock=VirtualClock(), ids=Ids(1))
    assert app[INSTRUMENTS].journal.kept() == []
    assert app[INSTRUMENTS].faults.armed == []


@pytest.fixture
def override(tmp_path: Path) -> Path:
    """A file of names that differ on somebody's instance."""
    file = tmp_path / "inferred.yaml"
    file.write_text(
        "tables: {request: x_other_request}\n"
        "columns: {request: {activity_type_id: kind}}\n"
        "keys: {decision: {Response: Answer}, envelope: {Messages: Errors}}\n"
        "words: {response: {approve: Yes please}}\n",
        encoding="utf-8",
    )
    return file


async def test_inferred_names_are_replaced(servicenow: StubServiceNow, override: Path) -> None:
    """A user's file changes tables, columns, keys and words on the wire, in both directions."""
    server = TestServer(create_app(Settings(inferred=override), clock=VirtualClock(), ids=Ids(1)))
    await server.start_server()
    async with ClientSession() as session:
        console = ConsoleUnderTest(f"http://{server.host}:{server.port}", VirtualClock(), session, servicenow)
        await console.set_up()
        request = await console.ask()
        (row,) = servicenow.rows("x_other_request")
        assert "kind" in row
        decision = console.decision(request["request_id"])
        del decision["Response"]
        status, answer = await console.deliver(decision)
        assert (status, answer["Errors"]) == (400, ["'Answer' is missing; expected text"])
        assert (await console.deliver({**decision, "Answer": "Yes please"}))[0] == 200
    await server.close()


def test_unusable_names_are_refused(tmp_path: Path) -> None:
    """A file of names that does not exist is refused at start."""
    with pytest.raises(InferredNamesError, match="cannot be read"):
        create_app(Settings(inferred=tmp_path / "none"), clock=VirtualClock(), ids=Ids(1))
