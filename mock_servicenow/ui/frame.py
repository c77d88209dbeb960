"""What surrounds every page: the modules, who is logged in, the token for forms."""

from dataclasses import dataclass

from mock_servicenow.ui.visit import Visit
from privman_core.pages.templates import Templates

ASSETS = "/ui"


@dataclass(frozen=True, slots=True)
class Module:
    """One entry of the application navigator."""

    label: str
    table: str

    @property
    def url(self) -> str:
        """Where it leads."""
        return f"/{self.table}_list.do"


@dataclass(frozen=True, slots=True)
class Application:
    """One group of the application navigator."""

    label: str
    modules: tuple[Module, ...]


class Frame:
    """Renders the templates of this package.

    Args:
        cockpit: the address of the tester's cockpit, empty where there is none.
    """

    def __init__(self, application: Application, cockpit: str) -> None:
        self.application = application
        self._cockpit = cockpit
        self._templates = Templates("mock_servicenow.ui")

    def render(self, template: str, visit: Visit, **values: object) -> str:
        """Return a page."""
        return self._templates.render(
            template,
            application=self.application,
            assets=ASSETS,
            cockpit=self._cockpit,
            path=visit.request.path,
            user=visit.user,
            token=visit.web_session.token,
            **values,
        )
