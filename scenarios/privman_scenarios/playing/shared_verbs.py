"""Verbs that both parties have: faults, exchanges, findings, refusals and calls."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Annotated, Any

import orjson

from privman_contracts import PartyName
from privman_core.exchange import path_of
from privman_core.journal import EVICTED
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language import captures, checks, expected_checks, known, request_checks
from privman_scenarios.language.checks import Flaw
from privman_scenarios.language.expectation import require, says
from privman_scenarios.language.kinds import (
    ANYTHING,
    COUNT,
    EXPECTED_VALUES,
    FLAG,
    HEADERS,
    JSON,
    REQUEST,
    SOME_TEXT,
    SPAN,
    SPANS,
    STATUS,
    TEXT,
    TURNS,
    VALUES,
    one_of,
    to_seconds,
)
from privman_scenarios.language.model import Arguments, Own
from privman_scenarios.language.vocabulary import ABSENT, Arg, ByParty, Needs, Verbs, given
from privman_scenarios.playing.party import Party
from privman_scenarios.playing.play import Armed, Play
from privman_scenarios.playing.product_facts import fault_options, finding_rules, holding_faults
from privman_scenarios.playing.world import PartyFinding

METHOD = one_of(known.METHODS)
KIND = ByParty(lambda party: one_of(fault_options()[party]))
A_RULE = ByParty(lambda party: checks.finding_rule(lambda: every_rule(party)))
Request = Annotated[str, Arg(REQUEST, "Which one, by its name in 'as' (default: the last one).")]
SHARED = Verbs(needs=ByParty(lambda party: frozenset({f"a {party} control plane"})))


def every_rule(party: PartyName) -> tuple[str, ...]:
    """Return the rule of each finding that a party's journal may have."""
    return (*finding_rules(party), *known.messages(), EVICTED)


def _needs_of_fault(arguments: Arguments) -> Needs:
    """Return what a fault needs as well: whoever waits for an answer must wait on the clock that holds it back."""
    return frozenset({"a shared clock"}) if arguments.get("kind") in holding_faults() else frozenset()


def _lasting(value: str, _arguments: Arguments, _own: Own) -> Iterator[Flaw]:
    """Find a fault that would never strike."""
    if not to_seconds(value):
        yield Flaw((), f"{value!r} is over at once. Expected more than 0 seconds.")


def _needs_of_exchanges(arguments: Arguments) -> Needs:
    """Return what a comparison of exchanges needs as well: real time is never to the second."""
    return frozenset({"virtual time"}) if "waits" in arguments else frozenset()


def _needs_of_call(arguments: Arguments, its_own: Needs) -> Needs:
    """Return what a request needs that may change something: nobody would know what to clean up.

    Only the simulator gives out a token of its API user.
    """
    logged_on: Needs = frozenset({"a console control plane"}) if arguments.get("logged_on") else frozenset()
    return logged_on | (frozenset() if arguments.get("method", "GET") in known.READING else its_own)


@SHARED.verb(shorthand="kind", prepares=True, further_needs=_needs_of_fault)
async def fault(
    play: Play,
    party: PartyName,
    *,
    kind: Annotated[
        str,
        Arg(
            ByParty(lambda party: one_of(fault_options()[party])), "What happens, such as 'status', 'reset' or 'slow'."
        ),
    ],
    method: Annotated[
        str, Arg(METHOD, "Only requests with this method.", check=ByParty(request_checks.asked_method))
    ] = ABSENT,
    path: Annotated[
        str, Arg(TEXT, "Only requests whose path fits this glob.", check=ByParty(request_checks.asked_path))
    ] = ABSENT,
    skip: Annotated[int, Arg(COUNT, "How many fitting requests pass untouched first.")] = ABSENT,
    times: Annotated[
        int | None, Arg(TURNS, "How many requests are touched (default 1); null for all that follow.")
    ] = ABSENT,
    after: Annotated[str, Arg(SPAN, "Begin only when this much time has passed.")] = ABSENT,
    lasts: Annotated[
        str, Arg(SPAN, "End when this much time has passed since it began (default of times: null).", check=_lasting)
    ] = ABSENT,
    options: Annotated[
        Mapping[str, Any],
        Arg(
            VALUES,
            "What the kind takes, such as status or seconds.",
            check=ByParty(lambda party: checks.options(fault_options()[party])),
        ),
    ] = ABSENT,
    optional: Annotated[
        bool, Arg(FLAG, "Whether it may strike nothing (default: it must strike before the scenario ends).")
    ] = False,
) -> None:
    """Arm a fault on this party."""
    armed = given(kind=kind, method=method, path=path, skip=skip, times=times)
    spans = given(after=after, lasts=lasts)
    armed |= {name: to_seconds(span) for name, span in spans.items()}
    target, play.faulty = _of(play, party), True
    number = await target.control.arm({**armed, **(options or {})})
    if not optional:
        words = f"the fault {kind!r} on {armed.get('method', 'any method')} {armed.get('path', '*')}"
        play.armed.append(Armed(target, number, words, play.step))


@SHARED.verb(prepares=True)
async def clear_faults(play: Play, party: PartyName) -> None:
    """Disarm every fault of this party."""
    await play.require_struck(_of(play, party))
    await _of(play, party).control.clear_faults()


@SHARED.verb(one_beside=("direction",), further_needs=_needs_of_exchanges)
async def expect_exchanges(
    play: Play,
    party: PartyName,
    *,
    direction: Annotated[str, Arg(one_of(["in", "out"]), "Received (in) or sent (out).")] = "",
    method: Annotated[
        str, Arg(METHOD, "Only exchanges with this method.", check=ByParty(request_checks.exchanged_method))
    ] = "",
    path: Annotated[
        str,
        Arg(
            TEXT,
            "Only exchanges whose path fits this glob, in any case.",
            check=ByParty(request_checks.exchanged_path),
        ),
    ] = "*",
    count: Annotated[
        int,
        Arg(COUNT, "How many there are (default: at least one).", check=checks.none_of("direction", "method", "path")),
    ] = ABSENT,
    statuses: Annotated[
        object, Arg(ANYTHING, "The status of each, in order; 0 where no answer came.", check=checks.statuses)
    ] = ABSENT,
    waits: Annotated[Sequence[str], Arg(SPANS, "The spans of time between them, such as ['00:00:50'].")] = ABSENT,
    request: Annotated[
        object,
        Arg(
            ANYTHING,
            "What holds for the body of each request.",
            check=ByParty(lambda party: expected_checks.exchanged_body(party, "request")),
        ),
    ] = ABSENT,
    response: Annotated[
        object,
        Arg(
            ANYTHING,
            "What holds for the body of each answer.",
            check=ByParty(lambda party: expected_checks.exchanged_body(party, "response")),
        ),
    ] = ABSENT,
) -> None:
    """The journal has these exchanges."""
    journal = await _of(play, party).control.journal()
    fitting = [each for each in journal if _fits(each, direction, method, path)]
    if count != 0 and not fitting:
        raise ExpectationError("at least one exchange", "none")
    if count is not ABSENT:
        require(count, len(fitting), "count")
    if statuses is not ABSENT:
        require(statuses, [each["status"] for each in fitting], "statuses")
        play.expected.update(each["status"] for each in fitting)
    if waits is not ABSENT:
        require([to_seconds(span) for span in waits], _waits(fitting), "seconds between them")
    _require_bodies(play, fitting, given(request=request, response=response))


def _require_bodies(play: Play, exchanges: Sequence[Mapping[str, Any]], expected: Mapping[str, Any]) -> None:
    spelling = play.world.servicenow.spelling
    for each, side in ((each, side) for each in exchanges for side in expected):
        body = spelling.body_from_wire(path_of(each["url"]), parsed(each[side]["body"]))
        require(expected[side], body, f"{side} #{each['number']}")


@SHARED.verb(shorthand="rule")
async def expect_finding(
    play: Play,
    party: PartyName,
    *,
    rule: Annotated[str, Arg(TEXT, "The rule (a glob), such as 'rule-aborted'.", check=A_RULE)],
    message: Annotated[str, Arg(SOME_TEXT, "Whole words of its message.", check=checks.finding_message)] = "",
    count: Annotated[
        int, Arg(COUNT, "How many there are (default: at least one).", check=checks.none_of("rule"))
    ] = ABSENT,
) -> None:
    """The journal has this finding."""
    found = await _acknowledge(play, party, rule, message)
    if count is not ABSENT:
        require(count, found, f"findings of {rule}")
    elif not found:
        raise ExpectationError(f"a finding of the rule {rule!r} with {message!r}", await _rules(play, party))


@SHARED.verb(shorthand="status", excuses=True, needs=frozenset())
async def expect_refusal(
    play: Play,
    party: PartyName,
    *,
    status: Annotated[int, Arg(STATUS, "The status of the refusal.")] = ABSENT,
    body: Annotated[
        object, Arg(ANYTHING, "What holds for its body.", check=ByParty(expected_checks.refused_body))
    ] = ABSENT,
    finding: Annotated[
        str,
        Arg(
            SOME_TEXT,
            "Whole words of the reason in the journal's findings, which a real system has not.",
            check=checks.finding_message,
        ),
    ] = "",
) -> None:
    """The step before was refused."""
    answer = play.last_answer(party)
    named = body is not ABSENT or (status is not ABSENT and answer.is_by_product)
    if not answer.refused or not (named or play.faulty or answer.is_of_client):
        raise ExpectationError("a refusal", str(answer))
    require(answer.status if status is ABSENT else status, answer.status, "status")
    play.expected.add(answer.status)
    if body is not ABSENT:
        require(body, play.world.servicenow.spelling.message_from_wire(answer.json), "body")
    if finding and _of(play, party).has_control:
        await expect_finding(play, party, rule="*", message=finding)


@SHARED.verb(
    shorthand="path",
    checks=True,
    captures=ByParty(lambda party: party),
    needs=frozenset(),
    further_needs=ByParty(lambda party: lambda arguments: _needs_of_call(arguments, _ITS_OWN[party])),
)
async def call(
    play: Play,
    party: PartyName,
    *,
    method: Annotated[str, Arg(METHOD, "The method (default GET).")] = "GET",
    path: Annotated[str, Arg(TEXT, "Path and query.", check=ByParty(request_checks.called_path))],
    unknown_path: Annotated[
        bool, Arg(FLAG, "Whether the path is none of the contracts, on purpose (default false).")
    ] = False,
    headers: Annotated[Mapping[str, Any], Arg(HEADERS, "More headers.")] = ABSENT,
    json: Annotated[object, Arg(JSON, "A body to send as JSON.", check=request_checks.sent_body)] = None,
    text: Annotated[str, Arg(TEXT, "A body to send as it is.", check=request_checks.sent_body)] = ABSENT,
    status: Annotated[
        int,
        Arg(
            STATUS,
            "The status of the answer (default 200).",
            check=ByParty(lambda party: request_checks.asked_status if party == "servicenow" else checks.nothing),
        ),
    ] = 200,
    body: Annotated[
        object,
        Arg(
            ANYTHING,
            "What holds for the answer's body, parsed where it is JSON.",
            check=ByParty(expected_checks.asked_body),
        ),
    ] = ABSENT,
    answer_headers: Annotated[
        Mapping[str, Any],
        Arg(
            EXPECTED_VALUES,
            "What holds for the answer's headers, in any case.",
            check=checks.headers,
            name="answer-headers",
        ),
    ] = ABSENT,
    by: Annotated[
        str,
        Arg(
            TEXT,
            f"The user who asks: {', '.join(known.USERS)}, or one created before (default, and '': nobody).",
            only="servicenow",
        ),
    ] = "",
    logged_on: Annotated[
        bool, Arg(FLAG, "Whether the API user asks, with a token (default false).", only="console")
    ] = False,
    as_: Annotated[
        str,
        Arg(
            TEXT,
            "A name for the answer: '${name.status}', '${name.headers.location}', '${name.body.result.0.sys_id}'.",
            check=captures.captured_name,
        ),
    ] = "",
) -> None:
    """Send a request and look at the answer."""
    del unknown_path  # which only the check of the path reads
    spelling = play.world.servicenow.spelling
    sent = spelling.body_to_wire(path, json) if text is ABSENT else text.encode()
    named = {name: str(value) for name, value in (headers or {}).items()}
    if logged_on:
        named["Authorization"] = f"Bearer {await play.world.console.token()}"
    auth = await play.world.servicenow.credentials(by) if by else None
    answer = await _of(play, party).api.call(method, path, sent, auth=auth, headers=named)
    got = spelling.body_from_wire(path, parsed(answer.body.decode(errors="replace")))
    if as_:
        play.capture(as_, answer, got)
    require(status, answer.status, "status")
    play.expected.add(answer.status)
    require({name.lower(): each for name, each in (answer_headers or {}).items()}, answer.headers, "headers")
    if body is not ABSENT:
        require(body, got, "body")


_ITS_OWN: Mapping[str, Needs] = {
    "servicenow": frozenset({"an instance of its own"}),
    "console": frozenset({"a console of its own"}),
}


async def _acknowledge(play: Play, party: PartyName, rule: str, message: str) -> int:
    """Record the findings that fit, so that they do not fail the scenario; returns how many there are."""
    name = play.world.name_of(_of(play, party))
    found = [
        PartyFinding.of(name, finding)
        for finding in await _of(play, party).control.findings()
        if fnmatchcase(finding["rule"], rule) and says(finding["message"], message)
    ]
    play.acknowledged.update(found)
    return len(found)


async def _rules(play: Play, party: PartyName) -> str:
    findings = await _of(play, party).control.findings()
    return ", ".join(f"{each['rule']} ({each['message']})" for each in findings) or "no finding"


def _of(play: Play, party: PartyName) -> Party:
    return play.world.servicenow if party == "servicenow" else play.world.console


def parsed(body: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """Return what the body holds: parsed where it is JSON, else the text."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body


def _fits(exchange: Mapping[str, Any], direction: str, method: str, path: str) -> bool:
    return (
        direction in ("", exchange["direction"])
        and method in ("", exchange["method"])
        and fnmatchcase(path_of(exchange["url"]).lower(), path.lower())
    )


def _waits(exchanges: list[dict[str, Any]]) -> list[float]:
    times = [datetime.fromisoformat(each["at"]) for each in exchanges]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
