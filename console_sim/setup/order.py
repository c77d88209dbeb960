"""What the set-up is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console_sim import paths, roles
from console_sim.bodies import Body
from console_sim.foreign_system import read_url

DEFAULT_NAME = "ServiceNow"
_KEYS = (
    "servicenow_url",
    "servicenow_user",
    "servicenow_password",
    "name",
    "api_enabled",
    "role",
    "use_webhook",
    "post_uri",
)


@dataclass(frozen=True, slots=True)
class SetupOrder:
    """What the set-up is asked to do.

    Attributes:
        role: of the API user; empty to add none.
        post_uri: the Privilege Manager Post Uri.
    """

    servicenow_url: str
    servicenow_user: str
    servicenow_password: str = field(repr=False)
    post_uri: str
    name: str
    api_enabled: bool
    role: str
    use_webhook: bool


def read_order(values: Mapping[str, Any], console_url: str) -> SetupOrder:
    """Return the order given as JSON; raises BadRequestError naming the key."""
    body = Body(values, _KEYS)
    return SetupOrder(
        servicenow_url=read_url("servicenow_url", body.text("servicenow_url")),
        servicenow_user=body.text("servicenow_user"),
        servicenow_password=body.text("servicenow_password"),
        post_uri=read_url("post_uri", body.text("post_uri", f"{console_url}{paths.APPROVE}")),
        name=body.text("name", DEFAULT_NAME),
        api_enabled=body.flag("api_enabled", default=True),
        role=body.text_or_null("role", roles.DEFAULT),
        use_webhook=body.flag("use_webhook", default=True),
    )
