"""What a scenario has of large exchanges: a step without the body, or none, and a sentence that says so."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from privman_core.cockpit.facts import ExchangeToSave
from privman_core.journal import is_remark

MOST_OF_ONE, MOST_OF_ALL = 64 * 1024, 256 * 1024
"""How much of one body, and of all, a scenario has: characters, and more for each value, which takes long to write."""
_PER_VALUE, _LONGEST_TARGET = 20, 2_000


class SizeLimit:
    """Leaves out what is too large for a scenario.

    Attributes:
        notes: a sentence for each body, and each exchange, that is left out, or that the journal does not have.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._left = MOST_OF_ALL

    def keep(self, exchanges: Sequence[ExchangeToSave]) -> Iterator[ExchangeToSave]:
        """Yield the exchanges without what is too large."""
        for each in exchanges:
            line = f"{each.method} {each.target[:80]}"
            if len(each.target) > _LONGEST_TARGET:
                self.notes.append(f"Left out: {line}…, as its address has {len(each.target):,} characters.")
                continue
            request = self._body(each.request, f"the request {line}")
            yield replace(each, request=request, answer=self._body(each.answer, f"the answer to {line}"))

    def _body(self, body: str, whose: str) -> str:
        if is_remark(body):
            self.notes.append(f"Left out: the body of {whose}, of which the journal says: {body[1:-1]}.")
            return ""
        size = len(body) + _PER_VALUE * body.count(",")
        if size <= min(MOST_OF_ONE, self._left):
            self._left -= size
            return body
        self.notes.append(f"Left out: the body of {whose}, as its {len(body):,} characters are too many.")
        return ""
