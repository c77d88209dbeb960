"""An exchange beside its contract, as the cockpit shows it; secrets are masked in every text."""

from typing import Literal

from msgspec import Struct, field

State = Literal["fits", "differs", "doubtful", "absent", "further"]
STATES: dict[State, tuple[str, str, str]] = {
    "differs": ("✗", "differs", "bad"),
    "doubtful": ("?", "doubtful", "quiet"),
    "fits": ("✓", "fits", "good"),
    "absent": ("·", "not sent, optional", "quiet"),
    "further": ("+", "not in the contract, allowed", "quiet"),
}
"""Mark, words and tone of each state."""


class OverrideText(Struct, frozen=True, kw_only=True):
    """A name or rule whose value may differ on an instance, with the value that explains what was sent.

    Attributes:
        path: the name or rule, such as ``columns.request.request_id``.
        text: the lines of a file for ``--inferred``.
        inferred: whether no source documents the name or rule.
        meaning: of the status that the rule gives; empty for a name.
    """

    path: str
    text: str
    before: str
    evidence: str
    inferred: bool
    meaning: str = ""


class Source(Struct, frozen=True):
    """A page that says what a contract demands, and where it is; or an observation, which has no page."""

    name: str
    at: str = ""


class ComparedPart(Struct, frozen=True, kw_only=True):
    """One part of the contract beside what was sent.

    Attributes:
        id: of its row, unique in the exchange.
        where: a JSON path, or the name of a part outside the bodies, such as ``status``.
        expected: in words; empty for a part that the contract does not describe.
        evidence: the mark; ``meaning`` says what it means.
        problems: a sentence for each violation or doubt.
        rule: of the findings that a scenario tolerates; empty if there is no problem.
    """

    id: str
    where: str
    expected: str
    actual: str
    state: State
    required: bool = False
    evidence: str = ""
    meaning: str = ""
    sources: list[Source] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    rule: str = ""
    overrides: list[OverrideText] = field(default_factory=list)

    @property
    def mark(self) -> str:
        """The sign of its state."""
        return STATES[self.state][0]

    @property
    def words(self) -> str:
        """Its state for people."""
        return "missing" if self.state == "differs" and self.expected and not self.actual else STATES[self.state][1]

    @property
    def tone(self) -> str:
        """The colour of its state."""
        return STATES[self.state][2]


class ComparedMessage(Struct, frozen=True, kw_only=True):
    """The parts of one message.

    Attributes:
        title: such as ``Request``.
        message: the name of its contract; empty for the parts outside the bodies.
    """

    title: str
    message: str
    parts: list[ComparedPart]

    @property
    def differing(self) -> list[ComparedPart]:
        """The parts that differ, and those that are doubtful."""
        return [part for part in self.parts if part.problems]

    @property
    def fitting(self) -> list[ComparedPart]:
        """The parts that were sent, and are as expected."""
        return [part for part in self.parts if not part.problems and part.state != "absent"]

    @property
    def absent(self) -> list[ComparedPart]:
        """The optional parts that were not sent."""
        return [part for part in self.parts if part.state == "absent"]


class NearContract(Struct, frozen=True):
    """A contract whose method or path is close to that of the exchange."""

    line: str
    summary: str


class ContractComparison(Struct, frozen=True, kw_only=True):
    """An exchange beside its contract.

    Attributes:
        happened: what the exchange does, as its contract says; empty without a contract.
        answered: the meaning of its status; empty where the contract has none.
        messages: the parts outside the bodies first, then each body that has a contract.
        together: one file for ``--inferred`` with the first override of each difference; empty for fewer than two.
        near: contracts that an exchange without one comes close to.
        overrides: with which an exchange without a contract would have one.
        note: why nothing is compared, or why differences are no findings.
    """

    happened: str = ""
    answered: str = ""
    messages: list[ComparedMessage] = field(default_factory=list)
    together: str = ""
    near: list[NearContract] = field(default_factory=list)
    overrides: list[OverrideText] = field(default_factory=list)
    note: str = ""

    @property
    def differing(self) -> list[ComparedPart]:
        """Every part that differs, then those that are doubtful."""
        parts = [part for message in self.messages for part in message.differing]
        return sorted(parts, key=lambda part: part.state != "differs")

    def row(self, where: str, problem: str) -> str:
        """Return the id of the part to which a finding belongs; empty if there is none."""
        exact = [part for part in self.differing if problem in part.problems]
        near = [part for part in self.differing if part.where == where]
        return next((part.id for part in (*exact, *near)), "")
