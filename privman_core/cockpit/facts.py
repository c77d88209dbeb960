"""What the cockpit shows of one end, in the form in which the other end reads it, too."""

from typing import Any, Literal, TypedDict

from msgspec import Struct, field

from privman_core.cockpit.bounded_texts import (
    EndName,
    HeaderName,
    Line,
    Method,
    Moment,
    PagePath,
    Rows,
    Sentence,
    Verdict,
    Word,
)
from privman_core.cockpit.recipes import Recipe
from privman_core.exchange import Direction
from privman_core.faults import DescribedKind, FaultStage

Tone = Literal["good", "bad", "quiet"]
"""The colour of an answer, a verdict or a state."""
VERDICTS = {
    "kept": ("kept", "good"),
    "broken": ("broken", "bad"),
    "running": ("in progress", "quiet"),
    "fault": ("not judged: fault", "quiet"),
    "none": ("no contract", "quiet"),
    "large": ("not judged: too large", "quiet"),
}
"""The words and the tone of each verdict."""
MOST_HITS, LONGEST_URL = 10, 300
"""Exchanges that are shown of one fault, and characters of the address of each."""
_ANSWERED_WELL = range(200, 400)


class ExchangeRow(Struct, frozen=True, kw_only=True):
    """One exchange as a list shows it, secrets masked.

    Attributes:
        party: the other party, such as ``Console`` or ``Browser``.
        contract: summary of the contract that the exchange must keep; empty if none applies.
        verdict: a key of `VERDICTS`.
        broken: how many violations there are.
        findings: how many findings there are, violations included.
        about: RequestIds of the approval requests that it belongs to.
        repeats: number of the exchange that was sent again as this one; 0 for none.
        edited: whether it differs from that one.
        registers: ids of the registrations and activity types that it makes, reads or changes.
        prepares: whether it only prepares the next one, as a token call does.
        mark: that of `Exchange`.
        user: who logged in, as the end that answers knows; empty for nobody.
    """

    number: int
    at: Moment
    direction: Direction
    method: Method
    url: Line
    party: Word
    contract: Sentence
    status: int
    error: Sentence
    fault: Word
    verdict: Verdict
    broken: int = 0
    findings: int = 0
    about: list[str] = field(default_factory=list)
    repeats: int = 0
    edited: bool = False
    registers: list[str] = field(default_factory=list)
    prepares: bool = False
    mark: Word = ""
    user: Word = ""

    @property
    def answer(self) -> str:
        """The status of the answer, or the reason why there is none."""
        return str(self.status or self.error or "…")

    @property
    def tone(self) -> Tone:
        """The colour of the answer."""
        if self.verdict == "running":
            return "quiet"
        return "good" if self.status in _ANSWERED_WELL else "bad"

    @property
    def verdict_words(self) -> str:
        """The verdict for people."""
        words = VERDICTS[self.verdict][0]
        return f"{words} ({self.broken})" if self.broken else words

    @property
    def verdict_tone(self) -> str:
        """The colour of the verdict."""
        return VERDICTS[self.verdict][1]


class FoundExchanges(Struct, frozen=True):
    """One page of an end's journal.

    Attributes:
        rows: the newest first.
        more: whether older ones would fit, too.
        evicted: how many exchanges are no longer kept.
        newest: number of the newest exchange, whether it fits or not; 0 for none.
        clears: how often the journal was cleared, and numbers began again.
        unjudged: how many exchanges a search for verdicts or in bodies has not come to yet.
    """

    rows: Rows[ExchangeRow]
    more: bool = False
    evicted: int = 0
    newest: int = 0
    clears: int = 0
    unjudged: int = 0


class Marks(Struct, frozen=True):
    """Differ from earlier marks of an end if its journal, its faults or its virtual time have changed.

    Attributes:
        now: the time; empty for real time, which never stops.
    """

    journal: int
    faults: int
    now: str


class PrintedMessage(TypedDict):
    """A request, or an answer, as the control plane prints it."""

    headers: list[tuple[HeaderName, Line]]
    body: str


class PrintedExchange(TypedDict):
    """An exchange as the control plane prints it."""

    direction: Direction
    method: Method
    url: Line
    request: PrintedMessage
    status: int
    response: PrintedMessage
    error: str
    fault: str
    findings: list[dict[str, str]]


class ExchangeDetail(Struct, frozen=True):
    """One exchange.

    Attributes:
        printed: as the control plane prints it.
        unrepeatable: why the end cannot send it again; empty if it can.
        earlier: number of the exchange before it; 0 if that is not kept.
        later: number of the one after it; 0 for none.
    """

    row: ExchangeRow
    printed: PrintedExchange
    earlier: int = 0
    later: int = 0
    unrepeatable: str = ""


class EditedRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request that was sent before, with what somebody has changed; parts that are masked stay as they were.

    Attributes:
        path: path and query.
        headers: without those that the sender sets anew.
    """

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str


class ExchangeToSave(Struct, frozen=True, kw_only=True):
    """One exchange as a scenario is made from it, secrets masked.

    Attributes:
        server: name of the end that answers.
        target: path and query.
        status: 0 when there was no answer.
        fault: kind of the fault that struck it; empty for none.
        authorized: whether it had credentials.
        by_party: whether the other end sent it; None if nobody knows.
        form: whether a browser posted it, so that the journal has neither its fields nor the page that was answered.
        about: RequestIds of the approval requests that it belongs to.
    """

    at: Moment
    server: str
    method: str
    target: str
    request: str = ""
    status: int = 0
    answer: str = ""
    fault: str = ""
    authorized: bool = False
    by_party: bool | None = None
    form: bool = False
    about: list[str] = field(default_factory=list)


class Repeated(Struct, frozen=True):
    """The exchange, by its number, as which another one was sent again."""

    number: int


class ClockState(Struct, frozen=True):
    """The time of an end.

    Attributes:
        due: when the next thing falls due; None for nothing, and in real time.
        virtual: whether it moves only when it is advanced.
    """

    now: Moment
    due: Moment | None = None
    virtual: bool = False


class ApprovalState(Struct, frozen=True, kw_only=True):
    """One approval request as an end knows it.

    Attributes:
        page: the product's page of it, a path; empty for none.
    """

    request_id: Word
    state: Word
    asked_at: Moment
    page: PagePath = ""


class AttemptRow(Struct, frozen=True):
    """One attempt.

    Attributes:
        outcome: a status, or why there was no answer.
        number: of its last exchange; 0 if only the journal tells.
    """

    at: Moment
    outcome: Sentence
    tone: Tone
    number: int = 0


class DeliveryState(Struct, frozen=True, kw_only=True):
    """What an end sends again until it succeeds: a decision of ServiceNow's, or a server task of the console's.

    Attributes:
        about: RequestId of the request; empty for a task that is about none.
        attempts: the oldest first.
        earlier: how many attempts before these are not shown.
        next_at: when the next attempt falls due; None for none.
        error: why the last attempt failed, secrets masked.
    """

    name: Sentence
    state: Word
    tone: Tone
    about: str = ""
    attempts: list[AttemptRow] = field(default_factory=list)
    earlier: int = 0
    next_at: Moment | None = None
    error: str = ""


class FaultHit(Struct, frozen=True):
    """One exchange that a fault has struck; for the others see `ExchangeRow`."""

    number: int
    at: Moment
    method: Method
    url: Line
    answer: Sentence


class FaultState(Struct, frozen=True, kw_only=True):
    """One fault of an end.

    Attributes:
        spec: what arms it again, with the counts that are left.
        struck: how many requests it has struck.
        begins: when it starts to match.
        ends: when it stops; None for never.
        hits: the exchanges that it has struck and that are kept, newest first, at most `MOST_HITS`.
    """

    number: int
    stage: FaultStage
    spec: dict[str, Any]
    struck: int = 0
    begins: Moment | None = None
    ends: Moment | None = None
    hits: list[FaultHit] = field(default_factory=list)


class LabeledFact(Struct, frozen=True):
    """One thing that an end knows of a request; ``page`` is the product's page of it, a path, empty for none."""

    label: Word
    text: Sentence
    page: PagePath = ""


class StateReason(Struct, frozen=True):
    """Why a request is as it is, in a sentence, and the rule that says so.

    Attributes:
        rule: its name in ``inferred.yaml``, such as ``rules.retried_statuses``; empty for a documented fact.
        value: of that rule.
        evidence: the mark of the rule or fact.
        meaning: of that mark.
        source: the pages or sections that say it, or suggest it.
        tone: of the sentence.
        exchange: mark of the exchange that it is about; empty for none.
        cause: what may have caused its answer, as a sentence; not shown if the exchange itself says what did.
    """

    sentence: Sentence
    rule: str = ""
    value: str = ""
    evidence: str = ""
    meaning: str = ""
    source: str = ""
    tone: Tone = "quiet"
    exchange: str = ""
    cause: str = ""


class DatedEvent(Struct, frozen=True):
    """What an end knows to have happened to a request, or to fall due, beside its exchanges.

    Attributes:
        order: its place among the exchanges of that second: before all, after the last one that the end received
            before it sent any, after the first one that the other end delivered to it, before the last change that it
            sent, or after all.
        due: whether it is still to come.
    """

    at: Moment
    text: str
    tone: Tone = "quiet"
    order: Literal["first", "received", "delivered", "sent", "last"] = "first"
    due: bool = False


Stand = Literal["open", "approved", "denied", "timed out"]
"""What became of a request, in words that both ends share."""


class RequestDetail(Struct, frozen=True, kw_only=True):
    """One approval request as an end knows it, secrets masked.

    Attributes:
        state: in the product's word.
        page: the product's page of it, a path; empty for none.
        reasons: why it is as it is, the most important first.
        events: what happened, and what falls due.
        registrations: ids of the registration that it uses, as `ExchangeRow.registers` has them.
    """

    request_id: Word
    state: Word
    stand: Stand
    page: PagePath = ""
    facts: list[LabeledFact] = field(default_factory=list)
    reasons: list[StateReason] = field(default_factory=list)
    events: list[DatedEvent] = field(default_factory=list)
    deliveries: list[DeliveryState] = field(default_factory=list)
    registrations: list[str] = field(default_factory=list)


class FaultsState(Struct, frozen=True):
    """The faults of an end.

    Attributes:
        known: the armed ones, then those that are used up or over, the last one first.
        kinds: what can be armed.
        recipes: what testers arm most.
    """

    known: list[FaultState]
    kinds: list[DescribedKind]
    recipes: list[Recipe] = field(default_factory=list)


class Hello(Struct, frozen=True):
    """Which end this is, and what changes the meaning of everything that it shows.

    Attributes:
        armed: how many faults may strike now or later.
        virtual: whether time moves only when it is advanced.
    """

    name: EndName
    version: Word
    now: Moment
    armed: int = 0
    virtual: bool = False
