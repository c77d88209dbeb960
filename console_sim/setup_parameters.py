"""The parameters of a set-up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from console_sim.accounts import Role, read_roles
from console_sim.foreign_system import read_base_url, read_url
from console_sim.json_object import JsonObject
from console_sim.settings import APPROVE_PATH

DEFAULT_SYSTEM_NAME = "ServiceNow"
_KEYS = (
    "servicenow_url",
    "servicenow_user",
    "servicenow_password",
    "name",
    "api_enabled",
    "role",
    "roles",
    "use_webhook",
    "post_uri",
    "api_user",
    "process_timeout",
    "approval_type",
    "policy",
)


@dataclass(frozen=True, slots=True)
class SetupParameters:
    """The parameters of a set-up.

    Attributes:
        roles: of the API user; None leaves those that it has, and gives the default one to a user without any.
        post_uri: the Privilege Manager Post Uri.
        name: of the foreign system; a new name creates another one.
        api_user: display name or Client Id of the API user; empty for that of the foreign system, or a new one.
        process_timeout: of the approval process; None leaves it as it is.
        approval_type: name of the approval type that gets the process; empty for the type that already uses this
            process, else the built-in type if unmodified, else a new one.
        policy: name of the policy that asks for approval of that type; empty for one that leads to the foreign system,
            or a new one.
    """

    servicenow_url: str
    servicenow_user: str
    servicenow_password: str = field(repr=False)
    post_uri: str
    name: str
    api_enabled: bool
    roles: tuple[Role, ...] | None
    use_webhook: bool
    api_user: str
    process_timeout: timedelta | None
    approval_type: str
    policy: str


def read_setup_parameters(values: Mapping[str, Any], console_url: str) -> SetupParameters:
    """Read the parameters from a JSON object; raises BadRequestError that names the key."""
    body = JsonObject(values, _KEYS)
    return SetupParameters(
        servicenow_url=read_base_url("servicenow_url", body.text("servicenow_url")),
        servicenow_user=body.text("servicenow_user"),
        servicenow_password=body.text("servicenow_password"),
        post_uri=read_url("post_uri", body.text("post_uri", f"{console_url}{APPROVE_PATH}")),
        name=body.name("name", DEFAULT_SYSTEM_NAME),
        api_enabled=body.flag("api_enabled", default=True),
        roles=read_roles(body, None),
        use_webhook=body.flag("use_webhook", default=True),
        api_user=body.name("api_user", ""),
        process_timeout=timedelta(seconds=body.seconds("process_timeout")) if "process_timeout" in body else None,
        approval_type=body.name("approval_type", ""),
        policy=body.name("policy", ""),
    )
