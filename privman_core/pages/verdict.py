"""Whether an exchange kept its contract, in one word."""

from dataclasses import dataclass
from typing import Literal

from privman_core.exchange import Exchange

Tone = Literal["good", "bad", "quiet"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a page says of an exchange, and how it colours that."""

    words: str
    tone: Tone


def judged(exchange: Exchange, contract: str) -> Verdict:
    """Return the verdict on an exchange; ``contract`` is empty if it has none."""
    broken = sum(finding.kind == "violation" for finding in exchange.findings)
    if broken:
        return Verdict(f"broken ({broken})", "bad")
    if not exchange.ended:
        return Verdict("on its way", "quiet")
    if exchange.fault:
        return Verdict("not judged: fault", "quiet")
    if not contract:
        return Verdict("no contract", "quiet")
    return Verdict("kept", "good") if exchange.judged else Verdict("not judged: too large", "quiet")


def tone_of(exchange: Exchange) -> Tone:
    """Return how the answer of an exchange is coloured."""
    if not exchange.ended:
        return "quiet"
    return "good" if 200 <= exchange.status < 400 else "bad"  # noqa: PLR2004 - HTTP's own classes


def answer_of(exchange: Exchange) -> str:
    """Return the answer in short: its status, or why there is none."""
    return str(exchange.status or exchange.error or "…")
