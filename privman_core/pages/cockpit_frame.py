"""What surrounds every page of a cockpit."""

from dataclasses import dataclass

from aiohttp import web

from privman_core.control import COCKPIT
from privman_core.pages.answers import to_page
from privman_core.pages.assets import SHARED
from privman_core.pages.templates import Templates

ASSETS = f"{COCKPIT}/static"


@dataclass(frozen=True, slots=True)
class Tab:
    """One page of the navigation.

    Attributes:
        path: below ``/__cockpit``; empty for the first page.
    """

    label: str
    path: str

    @property
    def url(self) -> str:
        """Where it leads."""
        return f"{COCKPIT}{self.path}"


class CockpitFrame:
    """Renders the pages of one party's cockpit.

    Args:
        party: its name, for the banner.
        form_token: what every form carries.
        packages: where a product's own templates are.
    """

    def __init__(self, party: str, form_token: str, *packages: str) -> None:
        self.party = party
        self.tabs: list[Tab] = []
        self._form_token = form_token
        self._templates = Templates(*packages, SHARED)

    def page(self, template: str, request: web.Request, status: int = 200, **values: object) -> web.Response:
        """Return a page."""
        html = self._templates.render(
            template,
            assets=ASSETS,
            home=COCKPIT,
            party=self.party,
            tabs=self.tabs,
            path=request.path,
            form_token=self._form_token,
            **values,
        )
        return to_page(html, status)
