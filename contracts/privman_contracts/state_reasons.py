"""Sentences about the state of a request, each with the rule or the page that says so."""

from privman_contracts.evidence import MEANING, Evidence
from privman_contracts.wire_names import WireNames
from privman_core.cockpit.approval_facts import StateReason
from privman_core.cockpit.bounded_texts import Tone


def ruled(names: WireNames, path: str, sentence: str, tone: Tone = "quiet") -> StateReason:
    """Return a reason that follows from the name or rule at that path, such as ``rules.retried_statuses``."""
    name = names.find(path)
    value = ", ".join(map(str, name.value)) if isinstance(name.value, list) else str(name.value)
    source = str(name.observation or name.source)
    return StateReason(sentence, path, value, name.evidence, MEANING[name.evidence], source, tone)


def documented(mark: Evidence, source: str, sentence: str, tone: Tone = "quiet") -> StateReason:
    """Return a reason that a page gives, by its name in ``sources.yaml``; empty for an inference that none suggests."""
    return StateReason(sentence, evidence=mark, meaning=MEANING[mark], source=source, tone=tone)
