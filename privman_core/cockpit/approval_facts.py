"""A party's facts about approval requests and deliveries; the other party's cockpit reads the same structs as JSON."""

from typing import Literal

from msgspec import Struct, field

from privman_core.cockpit.bounded_texts import Moment, PagePath, Sentence, Tone, Word
from privman_core.cockpit.exchange_facts import FoundExchanges

MOST_ABOUT, MOST_REGISTERING = 60, 20
"""Exchanges that a page shows of a request, and of a registration."""
RequestOutcome = Literal["open", "approved", "denied", "timed out"]
"""The outcome of a request, in words that both parties share."""
Lack = Literal["", "decision", "answer to the request", "answer to the decision"]
"""Something that a party needs from the other one."""


class ApprovalState(Struct, frozen=True, kw_only=True):
    """One approval request as a party knows it.

    Attributes:
        asked_at: None if a client has emptied it.
        page: the product's page of it, a path; empty for none.
    """

    request_id: Word
    state: Word
    asked_at: Moment | None = None
    page: PagePath = ""


class AttemptRow(Struct, frozen=True):
    """One attempt.

    Attributes:
        outcome: a status, or why there was no answer.
        number: of its last exchange; 0 if the party does not know it.
    """

    at: Moment
    outcome: Sentence
    number: int = 0


class DeliveryState(Struct, frozen=True, kw_only=True):
    """Something that a party sends until it succeeds: a decision of ServiceNow, or a server task of the console.

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

    def outcome(self, attempt: AttemptRow) -> str:
        """Return the outcome of an attempt; empty if it is the only one, and the state says the same."""
        is_only = len(self.attempts) == 1 and not self.earlier
        return "" if is_only and attempt.outcome == self.state else attempt.outcome


class LabeledFact(Struct, frozen=True):
    """One thing that a party knows of a request; ``page`` is the product's page of it, a path, empty for none."""

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
        source: the pages that say it, or suggest it.
        tone: of the sentence.
        exchange: mark of the exchange that it is about; empty for none.
        cause: what may have caused its answer, as a sentence; not shown if the exchange itself says what did.
        lacks: what the party lacks, by its own sentence; the page adds what the other party or a journal knows.
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
    lacks: Lack = ""


class DatedEvent(Struct, frozen=True):
    """An event in the life of a request that is no exchange, such as a time-out; it has happened, or falls due.

    Attributes:
        order: its place among the exchanges of that second: before all, after the last one that the party received
            before it sent any, after the first one that the other party delivered to it, before the last change that it
            sent, or after all.
        due: whether it is still to come.
    """

    at: Moment
    text: str
    tone: Tone = "quiet"
    order: Literal["first", "received", "delivered", "sent", "last"] = "first"
    due: bool = False


class RequestDetail(Struct, frozen=True, kw_only=True):
    """One approval request as a party knows it, secrets masked.

    Attributes:
        state: in the product's word.
        page: the product's page of it, a path; empty for none.
        reasons: why it is as it is, the most important first.
        events: what happened, and what falls due.
        registrations: ids of the registration that it uses, as `ExchangeRow.registers` has them.
    """

    request_id: Word
    state: Word
    outcome: RequestOutcome
    page: PagePath = ""
    facts: list[LabeledFact] = field(default_factory=list)
    reasons: list[StateReason] = field(default_factory=list)
    events: list[DatedEvent] = field(default_factory=list)
    deliveries: list[DeliveryState] = field(default_factory=list)
    registrations: list[str] = field(default_factory=list)


class KnownRequest(Struct, frozen=True):
    """Everything that a party knows of an approval request.

    Attributes:
        detail: None if it has no request with that RequestId.
        about: the newest exchanges that belong to the request.
        registering: the newest ones that made, read or changed the registrations that it uses.
    """

    detail: RequestDetail | None
    about: FoundExchanges
    registering: FoundExchanges
