"""The route of an approval request."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from console_sim.approval_items import FORM_ACTION, ApprovalProcess, ApprovalType, Policy
from console_sim.automation import Automation
from console_sim.errors import ConflictError


class Route(Struct, frozen=True):
    """The route of a request: its policy, the policy's approval type, and the type's process.

    Attributes:
        policy: None if the console does not know it; the request then takes the default action's approval type.
    """

    policy: Policy | None
    type: ApprovalType
    process: ApprovalProcess


def find_route(automation: Automation, reported: Mapping[str, Any]) -> Route:
    """Return the route of a request with that metadata.

    Raises ConflictError if its policy is not active, or has no action that asks for approval.
    """
    policy = _policy_of(automation, reported)
    approval_type = _default_type(automation) if policy is None else _asked_type(automation, policy)
    return Route(policy, approval_type, automation.processes.get(approval_type.process_id))


def _policy_of(automation: Automation, reported: Mapping[str, Any]) -> Policy | None:
    policy_id, name = reported.get("PolicyId"), reported.get("PolicyName")
    found = automation.policies.find(policy_id) if isinstance(policy_id, str) else None
    return found or (automation.policies.find_named(name) if isinstance(name, str) else None)


def _asked_type(automation: Automation, policy: Policy) -> ApprovalType:
    if not policy.enabled:
        raise ConflictError(f"policy {policy.name!r} is not active, so no endpoint asks under it")
    approval_type = automation.approval_type_of(policy)
    if approval_type is None:
        raise ConflictError(f"policy {policy.name!r} has no action with an approval type, so it asks nobody")
    return approval_type


def _default_type(automation: Automation) -> ApprovalType:
    return automation.types.get(automation.actions.get(FORM_ACTION.id).approval_type_id)
