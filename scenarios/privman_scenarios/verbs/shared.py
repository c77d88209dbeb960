"""Verbs that both parties have: faults, exchanges, findings and refusals."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson

from privman_core.journal import EVICTED
from privman_scenarios import checks, known
from privman_scenarios.errors import ExpectationError
from privman_scenarios.expectation import require
from privman_scenarios.findings import Finding
from privman_scenarios.kinds import (
    ANYTHING,
    COUNT,
    EXPECTED_VALUES,
    FLAG,
    HEADERS,
    JSON,
    SOME_TEXT,
    SPAN,
    SPANS,
    STATUS,
    TEXT,
    TURNS,
    VALUES,
    one_of,
)
from privman_scenarios.model import Arguments
from privman_scenarios.party import Party
from privman_scenarios.patterns import says
from privman_scenarios.play import Armed, Play
from privman_scenarios.servicenow import ADMINISTRATOR
from privman_scenarios.spans import to_seconds
from privman_scenarios.targets import Need
from privman_scenarios.vocabulary import Argument, Verb
from privman_scenarios.world import fault_options, finding_rules

PartyName = Literal["servicenow", "console"]

HELD_BACK = "slow"
METHOD = one_of(known.METHODS)
A_RULE = checks.finding_rule(lambda: (*finding_rules(), *known.messages(), EVICTED))
FITTING = (
    Argument("method", METHOD, "Only requests with this method."),
    Argument("path", TEXT, "Only requests whose path fits this glob."),
    Argument("skip", COUNT, "How many fitting requests pass untouched first."),
    Argument("times", TURNS, "How many requests are touched; 1 unless said, null for all that come."),
    Argument("after", SPAN, "Begin only when this much time has passed."),
)
OPTIONAL = Argument(
    "optional", FLAG, "Whether it may strike nothing; it must strike before the scenario ends unless said."
)
EXCHANGES = (
    Argument("direction", one_of(["in", "out"]), "Received (in) or sent (out)."),
    Argument("method", METHOD, "Only exchanges with this method."),
    Argument("path", TEXT, "Only exchanges whose path fits this glob, in any case."),
    Argument(
        "count",
        COUNT,
        "How many there are; at least one unless said.",
        check=checks.none_of("direction", "method", "path"),
    ),
    Argument("statuses", ANYTHING, "The status of each, in order; 0 where no answer came.", check=checks.statuses),
    Argument("waits", SPANS, "The spans of time between them, such as ['00:00:50']."),
    Argument("request", ANYTHING, "What holds for the body of each request."),
    Argument("response", ANYTHING, "What holds for the body of each answer."),
)
REFUSAL = (
    Argument("status", STATUS, "The status of the refusal."),
    Argument("body", ANYTHING, "What holds for its body."),
    Argument(
        "finding",
        SOME_TEXT,
        "Whole words of the reason in the journal's findings, which a real system has not.",
        check=checks.finding_message,
    ),
)
FINDING = (
    Argument("rule", TEXT, "The rule (a glob), such as 'rule-aborted'.", required=True, check=A_RULE),
    Argument("message", SOME_TEXT, "Whole words of its message.", check=checks.finding_message),
    Argument("count", COUNT, "How many there are; at least one unless said.", check=checks.none_of("rule")),
)
CALL = (
    Argument("method", METHOD, "GET unless said."),
    Argument("path", TEXT, "Path and query.", required=True),
    Argument("unknown_path", FLAG, "Whether the path is none of the contracts, on purpose; false unless said."),
    Argument("headers", HEADERS, "More headers."),
    Argument("json", JSON, "A body to send as JSON.", check=checks.sent_body),
    Argument("text", TEXT, "A body to send as it is.", check=checks.sent_body),
    Argument("status", STATUS, "The status of the answer; 200 unless said."),
    Argument("body", ANYTHING, "What holds for the answer's body, parsed where it is JSON."),
    Argument(
        "answer-headers", EXPECTED_VALUES, "What holds for the answer's headers, in any case.", check=checks.headers
    ),
)
REQUEST = Argument("request", TEXT, "Which one, by its name in 'as'; the last one unless said.")
BY = Argument("by", TEXT, f"The user who asks, '{ADMINISTRATOR}' for the administrator; nobody unless said.")


class Shared:
    """The shared verbs of one party."""

    def __init__(self, party: PartyName) -> None:
        self._party: PartyName = party
        self._control: frozenset[Need] = frozenset({f"{party} control plane"})  # type: ignore[arg-type]  # both are one

    def verbs(self) -> list[Verb]:
        """Return the verbs."""
        party = self._party
        exchanges = _checked(
            EXCHANGES,
            path=checks.exchanged_path(party),
            method=checks.exchanged_method(party),
            request=checks.exchanged_body(party, "request"),
            response=checks.exchanged_body(party, "response"),
        )
        return [
            replace(
                self._verb("fault", "Arm a fault on this party.", self.fault, self._fault(), shorthand="kind"),
                further_needs=_needs_of_fault,
            ),
            self._verb("clear-faults", "Disarm every fault of this party.", self.clear_faults),
            replace(
                self._verb(
                    "expect-exchanges",
                    "The journal has these exchanges.",
                    self.expect_exchanges,
                    exchanges,
                ),
                further_needs=_needs_of_exchanges,
                one_of=tuple(argument.name for argument in EXCHANGES if argument.name != "direction"),
            ),
            self._verb(
                "expect-finding", "The journal has this finding.", self.expect_finding, FINDING, shorthand="rule"
            ),
            Verb(
                f"{self._party}.expect-refusal",
                "The step before was refused.",
                self.expect_refusal,
                _checked(REFUSAL, body=checks.refused_body(party)),
                shorthand="status",
                checks=True,
                excuses=True,
            ),
            Verb(
                f"{self._party}.call",
                "Send a request and look at the answer.",
                self.call,
                self._call(),
                "path",
                checks=True,
                further_needs=self._needs_of_call,
            ),
        ]

    def _needs_of_call(self, arguments: Arguments) -> frozenset[Need]:
        """Return what a request needs that may change something: nobody would know what to tidy up."""
        its_own: Need = "instance of its own" if self._party == "servicenow" else "console of its own"
        return frozenset() if arguments.get("method", "GET") in known.READING else frozenset({its_own})

    def _fault(self) -> tuple[Argument, ...]:
        kinds = fault_options()[self._party]
        what, needs = (
            "What happens, such as 'status', 'reset' or 'slow'.",
            "What the kind takes, such as status or seconds.",
        )
        return (
            Argument("kind", one_of(kinds), what, required=True),
            *_checked(FITTING, path=checks.asked_path(self._party), method=checks.asked_method(self._party)),
            Argument("options", VALUES, needs, check=checks.options(kinds)),
            OPTIONAL,
        )

    def _call(self) -> tuple[Argument, ...]:
        call = _checked(CALL, body=checks.asked_body(self._party), path=checks.called_path(self._party))
        return (*_checked(call, status=checks.asked_status), BY) if self._party == "servicenow" else call

    async def fault(self, play: Play, arguments: Arguments) -> None:
        """Arm a fault."""
        fault = {key: value for key, value in arguments.items() if key not in ("options", "optional")}
        if "after" in fault:
            fault["after"] = to_seconds(fault["after"])
        party, play.faulty = self._of(play), True
        number = await party.control.arm({**fault, **arguments.get("options", {})})
        if not arguments.get("optional"):
            play.armed.append(Armed(party, number, _words_of(fault), play.step))

    async def clear_faults(self, play: Play, _arguments: Arguments) -> None:
        """Disarm every fault; raises ExpectationError where one should have struck and has not."""
        if idle := await play.idle_fault(self._of(play)):
            raise ExpectationError(
                f"{idle.words} of line {idle.step.line} to strike before it is cleared",
                "no request that it fits, or fewer than its 'times'",
            )
        await self._of(play).control.clear_faults()

    async def expect_exchanges(self, play: Play, arguments: Arguments) -> None:
        """Compare the journal's exchanges that fit with what is expected of them."""
        fitting = [each for each in await self._of(play).control.journal() if _fits(each, arguments)]
        if arguments.get("count") != 0 and not fitting:
            raise ExpectationError("at least one exchange", "none")
        if "count" in arguments:
            require(arguments["count"], len(fitting), "count")
        if "statuses" in arguments:
            require(arguments["statuses"], [each["status"] for each in fitting], "statuses")
            play.expected.update(each["status"] for each in fitting)
        if "waits" in arguments:
            require([to_seconds(span) for span in arguments["waits"]], _waits(fitting), "seconds between them")
        spelling = play.targets.servicenow.spelling
        for each, side in ((each, side) for each in fitting for side in ("request", "response") if side in arguments):
            body = spelling.body_from_wire(urlsplit(each["url"]).path, parsed(each[side]["body"]))
            require(arguments[side], body, f"{side} #{each['number']}")

    async def expect_finding(self, play: Play, arguments: Arguments) -> None:
        """Find a finding and take note of it, so that it does not fail the scenario."""
        rule, message = arguments["rule"], arguments.get("message", "")
        found = await self._acknowledge(play, rule, message)
        if "count" in arguments:
            require(arguments["count"], found, f"findings of {rule}")
        elif not found:
            raise ExpectationError(f"a finding of the rule {rule!r} with {message!r}", await self._rules(play))

    async def expect_refusal(self, play: Play, arguments: Arguments) -> None:
        """Compare the answer to the step before."""
        answer = play.last_answer(self._party)
        named = "body" in arguments or ("status" in arguments and answer.is_by_product)
        if not answer.refused or not (named or play.faulty or answer.is_of_client):
            raise ExpectationError("a refusal", str(answer))
        require(arguments.get("status", answer.status), answer.status, "status")
        play.expected.add(answer.status)
        if "body" in arguments:
            require(arguments["body"], play.targets.servicenow.spelling.message_from_wire(answer.json), "body")
        if "finding" in arguments and self._of(play).has_control:
            await self.expect_finding(play, {"rule": "*", "message": arguments["finding"]})

    async def call(self, play: Play, arguments: Arguments) -> None:
        """Send a request and compare the answer."""
        spelling = play.targets.servicenow.spelling
        message = spelling.body_to_wire(arguments["path"], arguments.get("json"))
        body = arguments["text"].encode() if "text" in arguments else message
        method = arguments.get("method", "GET")
        headers = {name: str(value) for name, value in arguments.get("headers", {}).items()}
        auth = await play.targets.servicenow.credentials(arguments["by"]) if arguments.get("by") else None
        answer = await self._of(play).api.call(method, arguments["path"], body, auth=auth, headers=headers)
        require(arguments.get("status", 200), answer.status, "status")
        play.expected.add(answer.status)
        expected = {name.lower(): each for name, each in arguments.get("answer-headers", {}).items()}
        require(expected, answer.headers, "headers")
        if "body" in arguments:
            body = parsed(answer.body.decode(errors="replace"))
            require(arguments["body"], spelling.body_from_wire(arguments["path"], body), "body")

    async def _acknowledge(self, play: Play, rule: str, message: str) -> int:
        party = play.targets.name_of(self._of(play))
        found = [
            Finding.of(party, finding)
            for finding in await self._of(play).control.findings()
            if fnmatchcase(finding["rule"], rule) and says(finding["message"], message)
        ]
        play.acknowledged.update(found)
        return len(found)

    async def _rules(self, play: Play) -> str:
        findings = await self._of(play).control.findings()
        return ", ".join(f"{each['rule']} ({each['message']})" for each in findings) or "no finding"

    def _of(self, play: Play) -> Party:
        return play.targets.servicenow if self._party == "servicenow" else play.targets.console

    def _verb(
        self,
        name: str,
        doc: str,
        play: Callable[[Play, Arguments], Awaitable[None]],
        arguments: tuple[Argument, ...] = (),
        *,
        shorthand: str = "",
    ) -> Verb:
        checks = name.startswith("expect-")
        return Verb(f"{self._party}.{name}", doc, play, arguments, shorthand, checks=checks, needs=self._control)


def _checked(arguments: tuple[Argument, ...], **by_name: checks.Check) -> tuple[Argument, ...]:
    return tuple(replace(each, check=by_name.get(each.name, each.check)) for each in arguments)


def _needs_of_fault(arguments: Arguments) -> frozenset[Need]:
    """Return what a fault needs besides: whoever waits for an answer must wait on the clock that holds it back."""
    return frozenset({"shared clock"}) if arguments.get("kind") == HELD_BACK else frozenset()


def _needs_of_exchanges(arguments: Arguments) -> frozenset[Need]:
    """Return what a comparison of exchanges needs besides: real time is never to the second."""
    return frozenset({"virtual time"}) if "waits" in arguments else frozenset()


def _words_of(fault: Mapping[str, Any]) -> str:
    return f"the fault {fault['kind']!r} on {fault.get('method', 'any method')} {fault.get('path', '*')}"


def parsed(body: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return what the body holds: parsed where it is JSON, else the text."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body


def _fits(exchange: Mapping[str, Any], wanted: Arguments) -> bool:
    path = urlsplit(exchange["url"]).path.lower()
    return (
        wanted.get("direction", exchange["direction"]) == exchange["direction"]
        and wanted.get("method", exchange["method"]) == exchange["method"]
        and fnmatchcase(path, wanted.get("path", "*").lower())
    )


def _waits(exchanges: list[dict[str, Any]]) -> list[float]:
    times = [datetime.fromisoformat(each["at"]) for each in exchanges]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
