"""Deliveries of decisions, and their retries."""

import asyncio
import json
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mock_servicenow.app import Blueprint
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.privilege_manager.scoped_app import PrivilegeManagerApp
from mock_servicenow.settings import Settings
from privman_core.findings import Finding
from privman_core.ids import Ids
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import HttpCaller
from privman_core.tls import issue_certificate
from privman_core.virtual_clock import VirtualClock

from .conftest import ACTIVITY_TYPE, CONFIGURATION, GUID, REQUEST, RESPONSE, Instance, NewDatabase, StubConsole, running
from .deliveries import decided, deliveries, response_of


class SlewedClock(VirtualClock):
    """A clock whose hands are set back while its timers run on, as NTP does with that of a machine."""

    behind = timedelta(0)

    def now(self) -> datetime:
        """Return what the hands show."""
        return super().now() - self.behind


@pytest.mark.long
@pytest.mark.parametrize("behind", [timedelta(microseconds=1), timedelta(days=1)], ids=["slewed", "set back"])
async def test_a_clock_that_is_set_back_loses_no_retry(
    blueprint: Blueprint, new_database: NewDatabase, prepared: str, behind: timedelta
) -> None:
    """The wait is over when it has passed, although the clock does not show the moment that was due."""
    clock = SlewedClock()
    with new_database(prepared) as url:
        async with running(Settings(database=url), blueprint, clock=clock) as instance:
            instance.console.statuses = [503]
            await decided(instance)
            clock.behind = behind
            await clock.advance(50)
            assert await response_of(instance) == ("200", "1")


@pytest.mark.long
@pytest.mark.parametrize("status", [408, 429, 500, 503, 599])
async def test_failed_attempt_is_repeated_after_the_wait(instance: Instance, status: int) -> None:
    """A retryable status is tried again after the minimum wait time, not earlier."""
    instance.console.statuses = [status]
    await decided(instance)
    assert await response_of(instance) == (str(status), "0")
    (delivery,) = await deliveries(instance)
    assert (delivery["state"], delivery["next_attempt_at"]) == ("pending", "2026-01-05T09:00:50+00:00")
    await instance.clock.advance(49)
    assert len(instance.console.decisions) == 1
    await instance.clock.advance(1)
    assert len(instance.console.decisions) == 2
    assert await response_of(instance) == ("200", "1")
    (delivery,) = await deliveries(instance)
    assert (delivery["state"], delivery["next_attempt_at"]) == ("delivered", None)
    assert delivery["attempts"] == [
        {"at": "2026-01-05T09:00:00+00:00", "status": status},
        {"at": "2026-01-05T09:00:50+00:00", "status": 200},
    ]


@pytest.mark.parametrize(
    ("status", "state"), [(299, "delivered"), (300, "failed"), (399, "failed"), (400, "failed"), (404, "failed")]
)
async def test_statuses_of_two_hundred_are_delivered(instance: Instance, status: int, state: str) -> None:
    """Each 2xx is a delivery; any other status that is not retried is a failure, at once."""
    instance.console.statuses = [status]
    await decided(instance)
    await instance.clock.advance(3600)
    (delivery,) = await deliveries(instance)
    assert (delivery["state"], len(instance.console.decisions)) == (state, 1)


REFUSED = {"Result": None, "Status": "error", "Messages": ["unknown approval request"]}


async def test_error_in_an_envelope_of_success_is_a_failure(instance: Instance) -> None:
    """The record has the status that came, the delivery has failed for good, and says what the console said (8)."""
    instance.console.verdicts = [REFUSED]
    await decided(instance)
    await instance.clock.advance(3600)
    (delivery,) = await deliveries(instance)
    assert (delivery["state"], delivery["next_attempt_at"]) == ("failed", None)
    assert delivery["error"] == (
        "the console answered 200 with Status 'error', Messages [\"unknown approval request\"]"
    )
    assert len(instance.console.decisions) == 1
    assert await response_of(instance) == ("200", "0")


@pytest.mark.parametrize("verdict", [{"Status": "Error"}, ["error"], {"Result": "error"}, "error", None])
async def test_any_other_answer_of_success_is_delivered(instance: Instance, verdict: Any) -> None:
    """Only the word for an error counts, at its place in the envelope."""
    instance.console.verdicts = [verdict]
    await decided(instance)
    (delivery,) = await deliveries(instance)
    assert (delivery["state"], delivery["error"]) == ("delivered", "")


@pytest.mark.long
async def test_error_in_an_envelope_after_a_retry(instance: Instance) -> None:
    """The status of a failure is tried again, whatever its envelope says; the refusal then is final."""
    instance.console.statuses, instance.console.verdicts = [503], [REFUSED, REFUSED]
    await decided(instance)
    await instance.clock.advance(3600)
    assert await response_of(instance) == ("200", "1")
    assert (await deliveries(instance))[0]["state"] == "failed"


@pytest.mark.long
async def test_error_in_an_envelope_may_count_as_delivered(tmp_path: Path) -> None:
    """Where the app of an instance looks at the status alone."""
    ours = tmp_path / "ours.yaml"
    ours.write_text("rules: {error_envelope_delivery: delivered}", encoding="utf-8")
    async with running(Settings(inferred=ours)) as instance:
        instance.console.verdicts = [REFUSED]
        await decided(instance)
        (delivery,) = await deliveries(instance)
        assert (delivery["state"], delivery["error"]) == ("delivered", "")
        assert await response_of(instance) == ("200", "0")


@pytest.mark.long
async def test_retries_end_with_the_maximum(instance: Instance) -> None:
    """After the maximum of retries the delivery has failed, its last status recorded."""
    instance.console.statuses = [503, 500, 503, 502]
    await decided(instance)
    await instance.clock.advance(150)
    assert await response_of(instance) == ("502", "3")
    assert (await deliveries(instance))[0]["state"] == "failed"
    await instance.clock.advance(3600)
    assert len(instance.console.decisions) == 4


@pytest.mark.long
async def test_no_retry_where_none_is_allowed(instance: Instance) -> None:
    """A maximum of 0 retries means a single attempt."""
    instance.console.statuses = [503]
    await decided(instance, **{"Maximum retry attempts": "0"})
    await instance.clock.advance(3600)
    assert await response_of(instance) == ("503", "0")


@pytest.mark.parametrize("status", [400, 403, 404, 409, 302])
async def test_other_status_is_final(instance: Instance, status: int) -> None:
    """Another 4xx, or a redirect, is final."""
    instance.console.statuses = [status]
    await decided(instance)
    await instance.clock.advance(3600)
    assert len(instance.console.decisions) == 1
    assert await response_of(instance) == (str(status), "0")


@pytest.mark.long
async def test_no_answer_is_status_zero_and_repeated(instance: Instance) -> None:
    """Without an answer the status is 0, and the attempt is repeated."""
    await decided(instance, **{"Endpoint Url": "http://127.0.0.1:1/approve", "Maximum retry attempts": "2"})
    assert await response_of(instance) == ("0", "0")
    await instance.clock.advance(3600)
    assert await response_of(instance) == ("0", "2")


@pytest.mark.long
async def test_what_has_failed_is_left_alone_after_a_restart(tmp_path: Path) -> None:
    """An instance that starts again sends nothing whose retries are used up; its attempts are known still."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    async with running(settings) as instance:
        instance.console.statuses = [503]
        await decided(instance, **{"Maximum retry attempts": "0"})
    async with running(settings) as instance:
        await instance.clock.advance(3600)
        assert await response_of(instance) == ("503", "0")
        (delivery,) = await deliveries(instance)
        assert (delivery["state"], delivery["error"]) == ("failed", "")
        assert delivery["attempts"] == [{"at": "2026-01-05T09:00:00+00:00", "status": 503}]


@pytest.mark.parametrize(
    ("pairs", "error"),
    [
        ({"Password": ""}, "'instance_metadata' has no text for 'Password'"),
        ({"Token Url": ""}, "'instance_metadata' has no text for 'Token Url'"),
        ({"Endpoint Url": "console"}, "'Endpoint Url' is 'console'; expected an http or https address"),
        ({"Minimum wait time": "50"}, "'Minimum wait time' is '50'; expected HH:MM:SS"),
        ({"Maximum retry attempts": "three"}, "'Maximum retry attempts' is 'three'; expected a whole number"),
        ({"Maximum retry attempts": "\u0663"}, "'Maximum retry attempts' is '\u0663'; expected a whole number"),
        ({"Endpoint Url": "x" * 200}, f"'Endpoint Url' is '{'x' * 200}'; expected an http or https address"),
        (
            {"Endpoint Url": "x" * 201},
            f"'Endpoint Url' is '{'x' * 200}…' (201 characters); expected an http or https address",
        ),
    ],
)
async def test_unusable_registration_fails_the_delivery(instance: Instance, pairs: dict[str, str], error: str) -> None:
    """A decision that cannot be delivered with what was registered has failed, and says why."""
    await decided(instance, **pairs)
    (delivery,) = await deliveries(instance)
    assert (delivery["state"], delivery["error"], delivery["attempts"]) == ("failed", error, [])
    assert await response_of(instance) == ("0", "0")


async def test_registration_without_pairs_fails_the_delivery(instance: Instance) -> None:
    """A registration emptied between request and decision fails the delivery."""
    ids = await instance.set_up()
    sys_id = await instance.asked(ids)
    await instance.update(CONFIGURATION, ids[0], {"instance_metadata": "gone"})
    await instance.update(REQUEST, sys_id, {"status": "Deny"})
    await instance.clock.settle()
    assert (await deliveries(instance))[0]["error"] == (
        "'instance_metadata' is not a JSON object; expected name-value pairs"
    )


@pytest.mark.long
async def test_registration_deleted_before_the_decision_fails_the_delivery(instance: Instance) -> None:
    """Without its registration a console cannot be told."""
    ids = await instance.set_up()
    sys_id = await instance.asked(ids)
    await instance.call("DELETE", f"/api/now/table/{CONFIGURATION}/{ids[0]}")
    await instance.update(REQUEST, sys_id, {"status": "Deny"})
    await instance.clock.settle()
    assert (await deliveries(instance))[0]["error"] == f"Instance Id {ids[0]!r} is no longer registered"


async def test_request_deleted_during_retries_ends_them(instance: Instance) -> None:
    """A response whose request was deleted is sent no more."""
    instance.console.statuses = [503]
    await decided(instance)
    (record,) = await instance.read(REQUEST)
    await instance.call("DELETE", f"/api/now/table/{REQUEST}/{record['sys_id']}")
    await instance.clock.advance(3600)
    assert len(instance.console.decisions) == 1
    assert (await deliveries(instance))[0]["state"] == "failed"


@pytest.mark.long
async def test_response_deleted_while_it_is_sent(instance: Instance) -> None:
    """What becomes of a response that is gone when the console answers is recorded nowhere, and harms nothing."""

    async def delete() -> None:
        (response,) = await instance.read(RESPONSE)
        assert (await instance.call("DELETE", f"/api/now/table/{RESPONSE}/{response['sys_id']}")).status == 204

    instance.console.before_answer = delete
    instance.console.statuses = [503]
    ids = await decided(instance)
    await instance.clock.advance(3600)
    assert (len(instance.console.decisions), await deliveries(instance)) == (1, [])
    instance.console.before_answer = None
    sys_id = await instance.asked(ids, request_id="85d71683-7dac-4762-8120-000000000001")
    await instance.update(REQUEST, sys_id, {"status": "Approve"})
    await instance.clock.settle()
    assert await response_of(instance) == ("200", "0")


@pytest.mark.long
async def test_odd_characters_reach_the_console_unchanged(instance: Instance) -> None:
    """Quotes, entities and every plane of Unicode in a comment arrive as they were written."""
    comment = "R&D <\"all\"> 'x' &amp; \u00e4\u4e2d\U0001f512 C:\\temp"
    sys_id = await instance.asked(await instance.set_up())
    await instance.update(REQUEST, sys_id, {"status": "Approve", "comment": comment})
    await instance.clock.settle()
    assert instance.console.decisions[0]["Comment"] == comment


@pytest.mark.long
async def test_what_the_console_receives(instance: Instance) -> None:
    """Deliveries carry ServiceNow's User-Agent and JSON."""
    await decided(instance)
    journal = (await instance.call("GET", "/__admin/requests", None)).body["requests"]
    sent = [entry for entry in journal if entry["direction"] == "out"]
    assert [json.loads(json.dumps(entry["url"])).rsplit("/", 1)[1] for entry in sent] == ["token", "approve"]
    headers = dict(sent[1]["request"]["headers"])
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer ***"


@pytest.mark.parametrize(("trusts", "status"), [(True, "200"), (False, "0")])
async def test_a_console_with_a_certificate_of_its_own(tmp_path: Path, *, trusts: bool, status: str) -> None:
    """A console whose certificate no authority of this machine has signed gets decisions only where it is trusted."""
    authority = tmp_path / "ca.pem"
    tls = issue_certificate("127.0.0.1", authority)
    async with running(Settings(ca_file=authority if trusts else None), console_tls=tls) as instance:
        await decided(instance)
        assert await response_of(instance) == (status, "0")


HOSTILE = {
    "nothing": b"",
    "noise": bytes(range(256)),
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"tok',
    "NUL in a header": b'HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 2\r\n\r\n""',
    "a status of four digits": b'HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n""',
    "a negative length": b'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n""',
    "a length of 5,000 digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b'\r\n\r\n""',
    "chunks of no size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "gzip that is none": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
    "a header of a megabyte": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 2**20 + b"\r\n\r\n",
}


@pytest.mark.long
@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
async def test_whatever_a_console_answers_the_delivery_goes_on(instance: Instance, answer: bytes) -> None:
    """An answer that is none, in place of a token or of a verdict, is a failed attempt that is made again."""

    async def respond(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for pair in ("Token Url", "Endpoint Url"):
            ids = await decided(instance, **{pair: url})
            (delivery,) = [each for each in await deliveries(instance) if each["state"] == "pending"]
            assert [attempt["status"] for attempt in delivery["attempts"]] == [0]
            pairs = {"instance_metadata": json.dumps(instance.metadata())}
            await instance.update(CONFIGURATION, ids[0], pairs)
            await instance.clock.advance(50)
    assert [each["state"] for each in await deliveries(instance)] == ["delivered"] * 2


@pytest.mark.long
async def test_a_console_that_answers_with_heads_alone_is_given_up(instance: Instance) -> None:
    """20,000 answers of status 100 before the real one are a failed attempt, which is made again."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        with suppress(ConnectionError):
            await writer.drain()
            await reader.read()
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        ids = await decided(instance, **{"Endpoint Url": url})
        (delivery,) = await deliveries(instance)
        assert [attempt["status"] for attempt in delivery["attempts"]] == [0]
        await instance.update(CONFIGURATION, ids[0], {"instance_metadata": json.dumps(instance.metadata())})
        await instance.clock.advance(50)
    assert [each["state"] for each in await deliveries(instance)] == ["delivered"]


@pytest.mark.long
@pytest.mark.parametrize(("status", "state"), [("199", "failed"), ("200", "delivered"), ("404", "failed")])
async def test_a_response_that_somebody_has_settled_is_sent_no_more(
    instance: Instance, status: str, state: str
) -> None:
    """A status that an administrator gives a response ends its retries."""
    instance.console.statuses = [503]
    await decided(instance)
    (record,) = await instance.read(RESPONSE)
    await instance.update(RESPONSE, record["sys_id"], {"response_status_code": status})
    await instance.clock.advance(3600)
    assert (len(instance.console.decisions), (await deliveries(instance))[0]["state"]) == (1, state)


@pytest.mark.long
async def test_a_response_whose_numbers_were_emptied(instance: Instance) -> None:
    """Without a status or a count of retries a response shows 0, and is tried again as before."""
    instance.console.statuses = [503, 503]
    await decided(instance)
    (record,) = await instance.read(RESPONSE)
    await instance.update(RESPONSE, record["sys_id"], {"retry_attempts": "", "response_status_code": ""})
    (delivery,) = await deliveries(instance)
    assert (delivery["retry_attempts"], delivery["response_status_code"]) == (0, 0)
    await instance.clock.advance(50)
    assert await response_of(instance) == ("503", "1")


async def test_the_journal_shows_what_the_console_says(instance: Instance) -> None:
    """A token is masked in the journal, the answer to a decision is not, though it is a JSON string, too."""
    instance.console.verdicts = ["taken into account"]
    await decided(instance)
    journal = (await instance.call("GET", "/__admin/requests", None)).body["requests"]
    answers = [entry["response"]["body"] for entry in journal if entry["direction"] == "out"]
    assert answers == ['"***"', '"taken into account"']


class BrokenCaller(HttpCaller):
    """Fails as no caller should."""

    async def send(self, *_arguments: Any, **_options: Any) -> Any:
        """Raise what nobody has thought of."""
        raise ArithmeticError("out of numbers")


async def test_an_attempt_that_fails_unexpectedly_is_a_failed_attempt(blueprint: Blueprint) -> None:
    """Whatever is raised on the way is an attempt without an answer: the next one is made after the wait."""
    clock, secrets = VirtualClock(), Secrets()
    instance = blueprint.instance(Store(blueprint.database("sqlite://")), clock, Ids(1))
    caller = BrokenCaller(clock, Journal(clock, secrets, lambda _exchange: ()), "test")
    notes: list[Finding] = []
    app = PrivilegeManagerApp(instance, blueprint.tables, blueprint.names, caller, secrets, notes.append)
    blueprint.build(instance)
    await app.start()
    console = Instance("", clock, None, StubConsole(url="http://console.example"))  # type: ignore[arg-type]
    with instance.transaction(instance.system) as session:
        pairs = json.dumps(console.metadata())
        instance_id = session.insert(CONFIGURATION, {"instance_metadata": pairs}).sys_id
        kind = session.insert(ACTIVITY_TYPE, {"valid_responses": "Approve", "instance_id": instance_id}).sys_id
        body = {"request_id": GUID, "instance_id": instance_id, "activity_type_id": kind, "metadata": "{}"}
        request = session.insert(REQUEST, body).sys_id
    with instance.transaction(instance.system) as session:
        session.update(REQUEST, request, {"status": "Approve"})
    await asyncio.sleep(0)
    await clock.advance(50)
    [delivery] = [each async for each in app.deliverer.all()]
    assert [each["status"] for each in delivery["attempts"]] == [0, 0]  # type: ignore[attr-defined]
    assert (delivery["state"], delivery["error"]) == ("pending", "ArithmeticError: out of numbers")
    app.stop()
    await clock.aclose()
    instance.store.close()


@pytest.mark.long
async def test_a_silent_console_does_not_hold_the_clock(blueprint: Blueprint) -> None:
    """A jump gives up requests that have no answer in real time, goes on, and says how many there were."""
    silent = asyncio.Event()
    clock = VirtualClock(patience=(0.2, 0.1))
    async with running(Settings(), blueprint, clock=clock) as instance:
        instance.console.before_answer = silent.wait
        sys_id = await instance.asked(await instance.set_up())
        await instance.update(REQUEST, sys_id, {"status": "Approve"})
        first = (await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": 0})).body
        assert first == {"now": "2026-01-05T09:00:00+00:00", "unanswered": 1}
        rest = (await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": 3600})).body
        assert rest == {"now": "2026-01-05T10:00:00+00:00", "unanswered": 3}
        [response] = await instance.read(RESPONSE)
        assert (response["response_status_code"], response["retry_attempts"]) == ("0", "3")
        silent.set()
        last = (await instance.call("POST", "/__admin/clock/advance", None, json={"seconds": 1})).body
        assert "unanswered" not in last
