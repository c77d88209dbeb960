"""Forms that a browser posted, whose fields no journal keeps: the steps that do the same, or none."""

from privman_contracts.exchanges import PartyName
from privman_core.cockpit.facts import ExchangeToSave


class PostedForms:
    """Forms that no step stands for yet."""

    def __init__(self) -> None:
        self._forms: list[ExchangeToSave] = []

    def add(self, form: ExchangeToSave) -> None:
        """Add a form, of which only the address and the requests that it was about are known."""
        self._forms.append(form)

    def claim(self, server: PartyName, request_id: str) -> None:
        """Take the last form at that party about a request out: a step does what it did."""
        about = [each for each in self._forms if each.server.lower() == server and request_id.lower() in each.about]
        if about:
            self._forms.remove(about[-1])

    def left(self) -> str:
        """Return a sentence about the forms that no step stands for; empty if there are none."""
        some = "a form" if len(self._forms) == 1 else f"{len(self._forms)} forms"
        addresses = list(dict.fromkeys(f"{each.method} {each.target.partition('?')[0][:80]}" for each in self._forms))
        shown = ", ".join(addresses[:3]) + ", …" * (len(addresses) > 3)  # noqa: PLR2004 - enough to know them again
        return f"Left out: {some} that a browser posted ({shown}), of which the journal has no fields." if shown else ""
