"""Facts about an exchange that a cockpit shows; the other party's cockpit reads the same structs as JSON."""

from typing import NotRequired, TypedDict

from msgspec import Struct, field

from privman_core.cockpit.bounded_texts import (
    HeaderName,
    Line,
    Method,
    Moment,
    Rows,
    Sentence,
    Tone,
    Values,
    Verdict,
    Word,
)
from privman_core.exchange import Direction

VERDICTS = {
    "kept": ("kept", "good"),
    "broken": ("broken", "bad"),
    "running": ("in progress", "quiet"),
    "fault": ("not judged: fault", "quiet"),
    "none": ("no contract", "quiet"),
    "large": ("not judged: too large", "quiet"),
}
"""The words and the tone of each verdict."""
_ANSWERED_WELL = range(200, 400)


class ExchangeRow(Struct, frozen=True, kw_only=True):
    """One exchange as a list shows it, secrets masked.

    Attributes:
        other_party: such as ``Console`` or ``Browser``.
        contract: summary of the contract that the exchange must keep; empty if none applies.
        verdict: a key of `VERDICTS`.
        broken: how many violations there are.
        findings: how many findings there are, violations included.
        about: RequestIds of the approval requests that it belongs to.
        replays: number of the exchange that it is a replay of; 0 for none.
        edited: whether it differs from that one.
        registers: ids of the registrations and activity types that it makes, reads or changes.
        prepares: whether it only prepares the next one, as a token call does.
        delivers: whether ServiceNow delivers a decision by it.
        real: when it began in real time; None if that is not known.
        mark: that of `Exchange`.
        user: who logged in, as the party that answers knows; empty for nobody.
        unusable: why the sender counts an answer of success as a failure; empty if it does not, or is another party.
        refusal: why the party that answers refused it, by its own rules; empty if it did not, or is another party.
    """

    number: int
    at: Moment
    direction: Direction
    method: Method
    url: Line
    other_party: Word
    contract: Sentence
    status: int
    error: Sentence
    fault: Word
    verdict: Verdict
    broken: int = 0
    findings: int = 0
    about: list[str] = field(default_factory=list)
    replays: int = 0
    edited: bool = False
    registers: list[str] = field(default_factory=list)
    prepares: bool = False
    delivers: bool = False
    real: Moment | None = None
    mark: Word = ""
    user: Word = ""
    unusable: Sentence = ""
    refusal: Sentence = ""

    @property
    def answer(self) -> str:
        """The status of the answer, and whether its sender could use it; or the reason why there is none."""
        answer = str(self.status or self.error or "…")
        return f"{answer} unusable" if self.unusable else answer

    @property
    def tone(self) -> Tone:
        """The colour of the answer."""
        if self.verdict == "running":
            return "quiet"
        return "good" if self.status in _ANSWERED_WELL and not self.unusable else "bad"

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
    """One page of a party's journal.

    Attributes:
        rows: the newest first.
        more: whether older ones match, too.
        evicted: how many exchanges are no longer kept.
        newest: number of the newest exchange, whether it matches or not; 0 for none.
        epoch: changes when the journal is cleared or its party starts again, and numbers begin again.
        unjudged: how many exchanges a search for verdicts or in bodies has yet to read.
        values: if none matches, what the newest ones have of the words of the search line, by word.
    """

    rows: Rows[ExchangeRow]
    more: bool = False
    evicted: int = 0
    newest: int = 0
    epoch: Word = ""
    unjudged: int = 0
    values: Values = {}


class PrintedMessage(TypedDict):
    """A request, or an answer, as the control plane prints it."""

    headers: list[tuple[HeaderName, Line]]
    body: str


class PrintedFinding(TypedDict):
    """A finding as the control plane prints it."""

    kind: str
    rule: str
    message: str
    where: str
    evidence: NotRequired[str]


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
    findings: list[PrintedFinding]


class ExchangeDetail(Struct, frozen=True):
    """One exchange.

    Attributes:
        printed: as the control plane prints it.
        no_replay: why the party cannot replay it; empty if it can.
        earlier: number of the exchange before it; 0 if that is not kept.
        later: number of the one after it; 0 for none.
    """

    row: ExchangeRow
    printed: PrintedExchange
    earlier: int = 0
    later: int = 0
    no_replay: str = ""


class EditedRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A request of the journal as a user has edited it; parts that are masked stay as they were.

    Attributes:
        path: path and query.
        headers: without those that the sender sets anew.
    """

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str


class Replay(Struct, frozen=True):
    """The exchange, by its number, that is a replay of another one."""

    number: int


class ExchangeToSave(Struct, frozen=True, kw_only=True):
    """One exchange as a scenario is written from it, secrets masked.

    Attributes:
        server: name of the party that answers.
        target: path and query.
        status: 0 when there was no answer.
        fault: kind of the fault that struck it; empty for none.
        authorized: whether it had credentials.
        by_party: whether the other party sent it; None if that is not known.
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
