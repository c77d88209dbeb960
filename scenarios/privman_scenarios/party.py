"""What both parties have in common: an address and perhaps a control plane."""

from privman_scenarios.control_plane import ControlPlane
from privman_scenarios.errors import ExpectationError
from privman_scenarios.http_api import HttpApi


class Party:
    """One end of the integration, spoken to over HTTP.

    Attributes:
        why_no_control: why it has no control plane, for people.
    """

    def __init__(self, api: HttpApi, control: ControlPlane | None) -> None:
        self.api = api
        self._control = control
        self.why_no_control = "nothing"

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        return self.api.url

    @property
    def has_control(self) -> bool:
        """Whether it is a fake with a control plane."""
        return self._control is not None

    @property
    def control(self) -> ControlPlane:
        """The control plane; raises ExpectationError where there is none."""
        if self._control is None:
            raise ExpectationError(f"a control plane at {self.url}/__admin", self.why_no_control)
        return self._control
