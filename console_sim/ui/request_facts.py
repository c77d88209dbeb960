"""The metadata of an approval request as pages show it."""

from itertools import islice

from msgspec import Struct

from console_sim.approval_request import ApprovalRequest, RequestState
from console_sim.request_metadata import read_metadata
from privman_contracts import WireNames
from privman_core.cuts import cut
from privman_core.inputs import visible_lines

PAGE_SIZE = 25
LONGEST_TEXT, MOST_FACTS = 2_000, 100
"""Characters of each text, and metadata entries, that a page shows of one request."""


class Facts(Struct, frozen=True):
    """The metadata of a request, each text shortened.

    Attributes:
        all: the first `MOST_FACTS` entries, by key.
        count: how many entries there are.
    """

    policy: str
    user: str
    reason: str
    file_path: str
    computer: str
    arguments: str
    all: dict[str, str]
    count: int

    @property
    def searched(self) -> tuple[str, ...]:
        """The texts that Manage Approvals searches."""
        return self.policy, self.user, self.reason, self.file_path, self.computer


class HistoryEntry(Struct, frozen=True):
    """An approval request as pages show it."""

    request: ApprovalRequest
    state: RequestState
    facts: Facts


class FactsReader:
    """Reads the metadata by the wire's names."""

    def __init__(self, names: WireNames) -> None:
        self._spelling = names.group("keys.metadata")

    def read(self, request: ApprovalRequest) -> Facts:
        """Return the facts of a request; a fact that its metadata lacks is empty."""
        known = read_metadata(request.metadata)
        return Facts(
            policy=self._first(known, "PolicyName", "PolicyId"),
            user=self._first(known, "InitiatorUserName", "UserName", "InitiatorId"),
            reason=self._first(known, "UserReason"),
            file_path=self._first(known, "FilePath", "ProcessName"),
            computer=self._first(known, "AgentName", "AgentId"),
            arguments=self._first(known, "CommandLineArguments"),
            all={shortened(key): shortened(value) for key, value in islice(known.items(), MOST_FACTS)},
            count=len(known),
        )

    def whose(self, request: ApprovalRequest) -> str:
        """Return the user and the policy of a request, for messages."""
        facts = self.read(request)
        return f"{facts.user or 'an unknown user'} under policy {facts.policy or 'unknown'}"

    def _first(self, known: dict[str, str], *keys: str) -> str:
        values = (known.get(self._spelling.get(key, key), "") for key in keys)
        return shortened(next(filter(None, values), ""))


def shortened(text: str) -> str:
    """Return the text, cut if it is long, with its controls visible: whoever decides must not read it reversed."""
    return cut(visible_lines(text[: LONGEST_TEXT + 1]), LONGEST_TEXT)
