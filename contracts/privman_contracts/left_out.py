"""Parts that a saved scenario leaves out: large bodies, long addresses and forms, each with a sentence that says so."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from privman_contracts.exchanges import PartyName
from privman_core.cockpit.exchange_facts import ExchangeToSave
from privman_core.journal import is_remark

MOST_OF_ONE, MOST_OF_ALL = 64 * 1024, 256 * 1024
"""Size of one body, and of all bodies: characters, and some for each value, since each takes long to write."""
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


class PostedForms:
    """Posted forms for which the scenario has no step yet."""

    def __init__(self) -> None:
        self._forms: list[ExchangeToSave] = []

    def add(self, form: ExchangeToSave) -> None:
        """Add a form, of which only the address and the requests that it was about are known."""
        self._forms.append(form)

    def claim(self, server: PartyName, request_id: str) -> None:
        """Remove the last form at that party about a request, because a step now does the same."""
        about = [each for each in self._forms if each.server.lower() == server and request_id.lower() in each.about]
        if about:
            self._forms.remove(about[-1])

    def left(self) -> str:
        """Return a sentence about the forms without a step; empty for none."""
        some = "a form" if len(self._forms) == 1 else f"{len(self._forms)} forms"
        addresses = list(dict.fromkeys(f"{each.method} {each.target.partition('?')[0][:80]}" for each in self._forms))
        shown = ", ".join(addresses[:3]) + ", …" * (len(addresses) > 3)  # noqa: PLR2004 - enough to know them again
        return f"Left out: {some} that a browser posted ({shown}), of which the journal has no fields." if shown else ""
