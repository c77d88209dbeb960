"""The older SOAP integration, against services written from the vendor's page alone."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.console_sim.conftest import REQUESTS, ConsoleUnderTest, StubServiceNow, statuses
from tests.console_sim.on_file import console_on

CREATE, CHECK, CANCEL = (
    "CreateExecuteAppApprovalRequest",
    "GetExecuteAppApprovalRequestStatus",
    "CancelExecuteAppApprovalRequest",
)
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
INPUTS = [
    *("PMApprovalId", "PMInitiatorId", "PMInitiatorName", "PMPolicyId", "PMPolicyName", "PMAgentId", "PMAgentName"),
    *("PMProcessId", "PMProcessName", "PMFilePath", "PMUserReason"),
]
Answer = tuple[int, str]


def envelope(content: str) -> str:
    """Return a message."""
    return f'<?xml version="1.0"?><e:Envelope xmlns:e="{SOAP}"><e:Header/><e:Body>{content}</e:Body></e:Envelope>'


def outputs(**values: str) -> Answer:
    """Return the answer of a service with these outputs."""
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in values.items())
    return 200, envelope(f'<executeResponse xmlns="http://www.service-now.com/X">{inner}</executeResponse>')


def fault(text: str) -> Answer:
    """Return the answer of a service that fails."""
    return 500, envelope(f"<e:Fault><faultcode>e:Server</faultcode><faultstring>{text}</faultstring></e:Fault>")


def status(word: str, comment: str = "") -> Answer:
    """Return the answer for a request."""
    return outputs(PMApprovalStatus=word, PMComment=comment)


@dataclass
class StubServices:
    """Scripted services: each call with its inputs, and the next answer of each; the last one is given again."""

    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    before_answer: Callable[[], Awaitable[Any]] | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """Record the call and answer it."""
        service, body = request.match_info["service"], ET.fromstring(await request.read())  # noqa: S314 - ours
        assert "SOAP" in request.query
        execute = body.find(f"{{{SOAP}}}Body/{{http://www.service-now.com/{service}}}execute")
        assert execute is not None
        self.calls.append((service, {each.tag: each.text or "" for each in execute}))
        if self.before_answer is not None:
            await self.before_answer()
        answers = self.answers[service]
        code, text = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(status=code, text=text, content_type="text/xml")

    def named(self, service: str) -> list[dict[str, str]]:
        """Return the inputs of each call of a service."""
        return [inputs for name, inputs in self.calls if name == service]


@pytest.fixture
async def services(servicenow: StubServiceNow) -> AsyncIterator[StubServices]:
    """Services that know one request, which is pending, beside the tables that a webhook needs."""
    stub = StubServices()
    stub.answers = {CREATE: [outputs(PMRequestId="RITM 1")], CHECK: [status("pending")], CANCEL: [outputs()]}
    app = servicenow.app()
    app.add_routes([web.post("/{service}.do", stub.answer)])
    server = TestServer(app)
    await server.start_server()
    servicenow.url = f"http://{server.host}:{server.port}"
    yield stub
    await server.close()


@pytest.fixture
async def console(fresh: ConsoleUnderTest, services: StubServices) -> ConsoleUnderTest:  # noqa: ARG001 - first
    """A console whose foreign system has Use Webhook unticked."""
    await fresh.set_up(use_webhook=False)
    return fresh


async def shown(console: ConsoleUnderTest, request: dict[str, Any], *keys: str) -> Any:
    """Return what the console shows of a request."""
    found = await console.request(request["request_id"])
    return tuple(found[key] for key in keys)


async def test_a_request_is_created_with_every_input(console: ConsoleUnderTest, services: StubServices) -> None:
    """Each input has its documented name, whatever XML would make of its value."""
    odd = "R&D <b>\"bold\"</b> 'x' ]]> é Пример 🙂"
    request = await console.ask(
        PolicyName=odd, InitiatorUserName="EXAMPLE\\jdoe", UserName="John Doe", UserReason="\0bell\x07", FilePath=odd
    )
    assert (request["sent"], request["integration"], request["sys_id"]) == (True, "soap", "RITM 1")
    [inputs] = services.named(CREATE)
    assert list(inputs) == INPUTS
    assert inputs["PMApprovalId"] == request["request_id"]
    assert (inputs["PMPolicyName"], inputs["PMFilePath"], inputs["PMInitiatorName"]) == (odd, odd, "EXAMPLE\\jdoe")
    assert inputs["PMUserReason"] == "\N{REPLACEMENT CHARACTER}bell\N{REPLACEMENT CHARACTER}"
    assert inputs["PMAgentName"] == ""
    other = await console.ask(PolicyName="Other", UserName="John Doe")
    assert services.named(CREATE)[-1]["PMInitiatorName"] == "John Doe"
    assert other["request_id"] != request["request_id"]


@pytest.mark.parametrize(("word", "state"), [("approved", "Approved"), ("rejected", "Denied"), ("invalid", "Denied")])
async def test_the_decision_is_asked_for(
    console: ConsoleUnderTest, services: StubServices, word: str, state: str
) -> None:
    """Every 20 seconds, until there is one; its comment is kept, and what is invalid is denied."""
    services.answers[CHECK] = [status("pending"), status(word, "Fine & <good>")]
    request = await console.ask()
    await console.advance(19)
    assert not services.named(CHECK)
    await console.advance(1)
    assert services.named(CHECK) == [{"PMGetRequestId": "RITM 1"}]
    assert await shown(console, request, "state") == ("Pending",)
    await console.advance(20)
    decided = ("state", "comment", "duration", "responded_by", "one_time")
    assert await shown(console, request, *decided) == (state, "Fine & <good>", "", "ServiceNow", state == "Approved")
    await console.advance(3_600)
    assert len(services.named(CHECK)) == 2
    assert not services.named(CANCEL)


async def test_the_process_says_how_often(console: ConsoleUnderTest, services: StubServices) -> None:
    """Check request status every, of the process when the request was made."""
    await console.admin(
        "POST", "/approval-process", {"process": "ServiceNow Approval Process", "check_every": 300, "timeout": 600}
    )
    request = await console.ask()
    await console.advance(600)
    assert (len(services.named(CHECK)), len(services.named(CANCEL))) == (1, 1)
    assert await shown(console, request, "state") == ("TimedOut",)


@pytest.mark.parametrize("status_of_fault", [500, 200])
async def test_what_times_out_is_cancelled(
    console: ConsoleUnderTest, services: StubServices, status_of_fault: int
) -> None:
    """Once, with a comment; a failed cancellation is tried again, and nothing is asked any more."""
    services.answers[CANCEL] = [(status_of_fault, fault("Busy")[1]), outputs(TmsCancelResult="")]
    request = await console.ask()
    await console.advance(20 * 60)
    assert await shown(console, request, "state", "recorded") == ("TimedOut", False)
    checks = len(services.named(CHECK))
    await console.advance(60)
    comment = "The request timed out in Privilege Manager"
    assert services.named(CANCEL) == [{"PMCancelRequestId": "RITM 1", "PMCancelComment": comment}] * 2
    assert await shown(console, request, "state", "recorded") == ("TimedOut", True)
    await console.advance(86_400)
    assert (len(services.named(CANCEL)), len(services.named(CHECK))) == (2, checks)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (fault("Invalid table &lt;X&gt;"), "500 Invalid table <X>"),
        (fault(""), "500 with a fault that says ''"),
        ((200, "<e/>"), "200 with XML that is not a SOAP envelope with a response"),
        ((200, fault("Busy")[1]), "200 with a fault that says 'Busy'; expected executeResponse"),
        ((200, envelope("<cancelResponse/>")), "200 with a body that holds 'cancelResponse'; expected executeResponse"),
        ((200, "{}"), "200 with a body that is not XML: "),
        ((200, '<!DOCTYPE x [<!ENTITY a "b">]><x/>'), "200 with a body that declares a document type; "),
        (outputs(PMRequestId="x" * 600_000), "200 with a body of more than 524,288 bytes"),
        (outputs(), "the answer has PMRequestId ''; expected 1 to 256 characters"),
        (outputs(PMRequestId="x" * 257), "the answer has PMRequestId 'xxx"),
        ((401, ""), "401 without a SOAP fault"),
    ],
)
async def test_a_request_that_fails_says_why(
    console: ConsoleUnderTest, services: StubServices, answer: Answer, why: str
) -> None:
    """And is tried again as every call, unless it was refused."""
    services.answers[CREATE] = [answer, outputs(PMRequestId="RITM 2")]
    request = await console.ask()
    assert not request["sent"]
    assert request["last_error"].startswith(why)
    await console.advance(60)
    assert await shown(console, request, "sent") == (answer[0] != 401,)


async def test_outputs_are_those_of_the_response(console: ConsoleUnderTest, services: StubServices) -> None:
    """Not of what stands beside the body, or is a second response; an output has its own text."""
    response = "<executeResponse><PMRequestId>RITM<b>x</b> 3</PMRequestId></executeResponse>"
    second = "<executeResponse><PMRequestId>evil</PMRequestId></executeResponse>"
    beside = envelope(f"{response}{second}").replace("</e:Envelope>", f"<x>{second}</x></e:Envelope>")
    services.answers[CREATE] = [(200, beside)]
    await console.ask()
    await console.advance(20)
    assert services.named(CHECK) == [{"PMGetRequestId": "RITM 3"}]


async def test_a_failed_check_is_followed_by_the_next(console: ConsoleUnderTest, services: StubServices) -> None:
    """Whatever went wrong."""
    services.answers[CHECK] = [fault("Busy"), status("perhaps"), (200, "{}"), status("approved")]
    request = await console.ask()
    await console.advance(60)
    assert await shown(console, request, "state") == ("Pending",)
    await console.advance(20)
    assert await shown(console, request, "state") == ("Approved",)


async def test_a_decision_of_the_console_stays_there(console: ConsoleUnderTest, services: StubServices) -> None:
    """No service takes one; nothing is asked or cancelled any more, though the time-out passes."""
    request = await console.ask()
    path = f"/approval-requests/{request['request_id']}/decide"
    decided = await console.admin("POST", path, {"response": "Approve"})
    assert (decided["state"], decided["recorded"]) == ("Approved", False)
    assert decided["last_error"] == "not recorded: the SOAP integration takes no decision of the console"
    services.answers[CREATE] = [fault("Busy")]
    unsent = await console.ask(PolicyName="Other", FilePath="other")
    denied = await console.admin("POST", f"/approval-requests/{unsent['request_id']}/decide", {"response": "Deny"})
    assert (denied["sent"], denied["last_error"]) == (False, decided["last_error"])
    await console.advance(3_600)
    assert [name for name, _ in services.calls] == [CREATE, CREATE]


async def test_a_decision_made_during_a_check_wins(console: ConsoleUnderTest, services: StubServices) -> None:
    """The one that ServiceNow answers comes too late."""
    request = await console.ask()
    path = f"/approval-requests/{request['request_id']}/decide"
    services.before_answer = lambda: console.admin("POST", path, {"response": "Deny"})
    services.answers[CHECK] = [status("approved")]
    await console.advance(20)
    assert await shown(console, request, "state", "responded_by") == ("Denied", "Privilege Manager Console")


async def test_requests_are_looked_after_by_the_next_process(
    servicenow: StubServiceNow, services: StubServices, file: Path
) -> None:
    """What is pending is asked for; what could not be sent is sent."""
    async with console_on(file, servicenow) as console:
        await console.set_up(use_webhook=False)
        request = await console.ask()
        services.answers[CREATE] = [fault("Busy")]
        unsent = await console.ask(PolicyName="Other", FilePath="other")
        assert not unsent["sent"]
    services.answers = {CREATE: [outputs(PMRequestId="RITM 2")], CHECK: [status("approved")]}
    async with console_on(file, servicenow) as console:
        await console.advance(1)
        assert await shown(console, unsent, "sent") == (True,)
        await console.advance(20)
        assert await shown(console, request, "state") == ("Approved",)
        assert await shown(console, unsent, "state") == ("Approved",)


async def test_a_reset_ends_the_checks(console: ConsoleUnderTest, services: StubServices) -> None:
    """Of requests that are gone, also during a check; after a snapshot is restored they go on, once."""
    await console.ask()
    await console.admin("POST", "/snapshots", {"name": "asked"})
    await console.admin("POST", "/reset")
    await console.advance(60)
    assert not services.named(CHECK)
    await console.admin("POST", "/snapshots/asked/restore")
    await console.advance(20)
    assert len(services.named(CHECK)) == 1


async def test_a_sent_request_keeps_its_integration(console: ConsoleUnderTest, services: StubServices) -> None:
    """Also when the foreign system's Base URL leads elsewhere: the check fails there."""
    request = await console.ask()
    await console.admin("POST", "/foreign-system", {"base_url": f"{console.servicenow.url}/other"})
    await console.advance(20)
    assert not services.named(CHECK)
    assert await shown(console, request, "state", "integration") == ("Pending", "soap")


async def moved(console: ConsoleUnderTest) -> None:
    """Tick Use Webhook, with all that it needs."""
    assert statuses(await console.set_up(use_webhook=True)) == {}


@pytest.mark.parametrize(("word", "state"), [("approved", "Approved"), ("rejected", "Denied")])
async def test_a_request_that_is_pending_during_the_move_gets_its_decision(
    console: ConsoleUnderTest, services: StubServices, word: str, state: str
) -> None:
    """It is asked for as before, and is never sent by the webhook (I); new requests are."""
    request = await console.ask()
    await moved(console)
    assert len(console.servicenow.rows(REQUESTS)) == 0
    await console.advance(20)
    assert services.named(CHECK) == [{"PMGetRequestId": "RITM 1"}]
    services.answers[CHECK] = [status(word, "Fine")]
    await console.advance(20)
    assert await shown(console, request, "state", "comment", "integration") == (state, "Fine", "soap")
    other = await console.ask(PolicyName="Other", FilePath="other")
    assert (other["sent"], other["integration"]) == (True, "webhook")
    assert [row["request_id"] for row in console.servicenow.rows(REQUESTS)] == [other["request_id"]]
    assert len(services.named(CREATE)) == 1


async def test_a_request_that_nobody_decides_after_the_move_times_out(
    console: ConsoleUnderTest, services: StubServices
) -> None:
    """And is cancelled, as before (I); the endpoint may ask again, by the webhook."""
    request = await console.ask()
    await moved(console)
    await console.advance(20 * 60)
    assert await shown(console, request, "state", "recorded") == ("TimedOut", True)
    assert [each["PMCancelRequestId"] for each in services.named(CANCEL)] == ["RITM 1"]
    assert (await console.ask())["integration"] == "webhook"


async def test_a_decision_of_the_console_after_the_move_stays_there(
    console: ConsoleUnderTest, services: StubServices
) -> None:
    """Of a request that SOAP has sent, which the Requests table lacks (I)."""
    request = await console.ask()
    await moved(console)
    path = f"/approval-requests/{request['request_id']}/decide"
    decided = await console.admin("POST", path, {"response": "Deny"})
    assert decided["last_error"] == "not recorded: the SOAP integration takes no decision of the console"
    await console.advance(3_600)
    assert await shown(console, request, "state", "recorded") == ("Denied", False)
    assert [name for name, _ in services.calls] == [CREATE]


async def test_a_request_that_soap_never_took_is_sent_by_the_webhook(
    console: ConsoleUnderTest, services: StubServices
) -> None:
    """Once, at the move; its decision is delivered (I)."""
    services.answers[CREATE] = [fault("Busy")]
    request = await console.ask()
    assert not request["sent"]
    await moved(console)
    await console.advance(1)
    assert await shown(console, request, "sent", "integration") == (True, "webhook")
    assert len(console.servicenow.rows(REQUESTS)) == 1
    assert (await console.deliver(console.decision(request["request_id"])))[0] == 200
    await console.advance(3_600)
    assert await shown(console, request, "state") == ("Approved",)
    assert {name for name, _ in services.calls} == {CREATE}


@pytest.mark.long
async def test_a_request_that_soap_is_taking_during_the_move_is_sent_once(
    console: ConsoleUnderTest, services: StubServices
) -> None:
    """Its call ends over SOAP, and so does the request (I)."""
    services.before_answer = lambda: moved(console)
    request = await console.ask()
    services.before_answer = None
    assert (request["integration"], request["sys_id"]) == ("soap", "RITM 1")
    await console.advance(1)
    assert console.servicenow.rows(REQUESTS) == []
    services.answers[CHECK] = [status("approved")]
    await console.advance(20)
    assert await shown(console, request, "state") == ("Approved",)
    assert [name for name, _ in services.calls] == [CREATE, CHECK]


async def test_the_next_process_goes_on_after_a_move(
    servicenow: StubServiceNow, services: StubServices, file: Path
) -> None:
    """What SOAP has sent is still asked for there."""
    async with console_on(file, servicenow) as console:
        await console.set_up(use_webhook=False)
        request = await console.ask()
        await moved(console)
    services.answers[CHECK] = [status("approved")]
    async with console_on(file, servicenow) as console:
        await console.advance(20)
        assert await shown(console, request, "state") == ("Approved",)


async def test_a_request_of_the_webhook_ends_after_the_move_back(
    console: ConsoleUnderTest, services: StubServices
) -> None:
    """Its decision is still delivered (I), and no service is asked for it."""
    await moved(console)
    request, undecided = await console.ask(), await console.ask(PolicyName="Other", FilePath="other")
    await console.set_up(use_webhook=False)
    await console.advance(20)
    assert (await console.deliver(console.decision(request["request_id"])))[0] == 200
    assert await shown(console, request, "state", "integration") == ("Approved", "webhook")
    await console.advance(3_600)
    assert await shown(console, undecided, "state") == ("TimedOut",)
    assert services.calls == []
