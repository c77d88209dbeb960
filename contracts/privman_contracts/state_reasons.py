"""Sentences about the state of a request, each with the rule or the page that says so."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from privman_contracts.evidence import MEANING, Evidence
from privman_contracts.wire_names import WireNames
from privman_core.cockpit.approval_facts import StateReason
from privman_core.cockpit.bounded_texts import Tone

Case = TypeVar("Case")
Reason = Callable[[Case], StateReason | None]


class ReasonTable(Generic[Case]):
    """Functions that each return a reason, or None where it does not apply, in the order in which a page shows them."""

    def __init__(self) -> None:
        self._reasons: list[Reason[Case]] = []

    def add(self, reason: Reason[Case]) -> Reason[Case]:
        """Add a function after the others; it is a decorator."""
        self._reasons.append(reason)
        return reason

    def __iter__(self) -> Iterator[Reason[Case]]:
        return iter(self._reasons)

    def apply(self, case: Case) -> list[StateReason]:
        """Return each reason that applies to what is known of a request."""
        return [found for reason in self if (found := reason(case))]


def ruled(names: WireNames, path: str, sentence: str, tone: Tone = "quiet") -> StateReason:
    """Return a reason that follows from the name or rule at that path, such as ``rules.retried_statuses``."""
    name = names.find(path)
    value = ", ".join(map(str, name.value)) if isinstance(name.value, list) else str(name.value)
    return StateReason(sentence, path, value, name.evidence, MEANING[name.evidence], name.cited, tone)


def documented(mark: Evidence, source: str, sentence: str, tone: Tone = "quiet") -> StateReason:
    """Return a reason that a page gives, by its name in ``sources.yaml``; empty for an inference that none suggests."""
    return StateReason(sentence, evidence=mark, meaning=MEANING[mark], source=source, tone=tone)
