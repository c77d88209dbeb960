"""The console's policies, actions, approval types and approval processes."""

from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from console_sim import approval_items
from console_sim.approval_items import (
    FORM_ACTION,
    Action,
    ApprovalProcess,
    ApprovalType,
    Policy,
    PolicyAction,
    ProcessTemplate,
)
from console_sim.catalogue import Catalogue
from console_sim.console_store import ConsoleStore
from console_sim.errors import BadRequestError
from console_sim.names import free_name
from privman_core.ids import Ids

USUAL_ACTIONS = tuple(
    PolicyAction(each.id)
    for each in (approval_items.FORM_ACTION, approval_items.FILE_DIALOGS, approval_items.ADMINISTRATIVE_RIGHTS)
)


class Automation:
    """Policies, actions, approval types and approval processes.

    Args:
        timeout: of a new approval process.
    """

    def __init__(self, store: ConsoleStore, ids: Ids, timeout: timedelta) -> None:
        self._store = store
        self._ids = ids
        self._timeout = timeout
        self.processes = Catalogue(
            "approval process",
            store.approval_processes,
            approval_items.PROCESSES,
            read_only=True,
            check=self._check_process,
        )
        self.types = Catalogue(
            "approval type",
            store.approval_types,
            approval_items.TYPES,
            read_only=False,
            check=lambda kept: self.processes.get(kept.process_id),
        )
        self.actions = Catalogue(
            "action", store.actions, approval_items.ACTIONS, read_only=True, check=self._check_action
        )
        self.policies = Catalogue(
            "policy", store.policies, approval_items.POLICIES, read_only=True, check=self._check_policy
        )

    def save_process(self, name: str, **values: Any) -> ApprovalProcess:  # noqa: ANN401 - of the fields' types
        """Make or change the process of that name; raises BadRequestError, and ForbiddenError for a built-in one."""
        before = self.processes.find_named(name) or ApprovalProcess(self.new_id(), name, timeout=self._timeout)
        return self.processes.save(replace(before, **values))

    def save_type(self, name: str, **values: Any) -> ApprovalType:  # noqa: ANN401 - of the fields' types
        """Make or change the approval type of that name; a new one is a duplicate of the default.

        Raises BadRequestError.
        """
        default = self.types.get(approval_items.APPLICATION_TYPE.id)
        before = self.types.find_named(name) or replace(default, id=self.new_id(), name=name)
        return self.types.save(replace(before, **values))

    def save_policy(self, name: str, **values: Any) -> Policy:  # noqa: ANN401 - of the fields' types
        """Make or change the policy of that name, with an action for its approval type, or do nothing.

        Among the values may be an ``approval_type``: that of its requests, or None for a policy that asks nobody;
        without one this stays as it is. A new policy has the actions that the documented wizard adds
        (helpdesk.md). Raises BadRequestError, and ForbiddenError for a built-in policy.
        """
        before = self.policies.find_named(name) or Policy(self.new_id(), name, actions=USUAL_ACTIONS)
        with self._store.transaction():
            if "approval_type" in values:
                values["actions"] = self._actions(before, values.pop("approval_type"))
            return self.policies.save(replace(before, **values))

    def _actions(self, policy: Policy, approval_type: ApprovalType | None) -> tuple[PolicyAction, ...]:
        """Return the policy's actions, changed if it asks for approval of another type; its first action asks."""
        if self.approval_type_of(policy) == approval_type:
            return policy.actions
        others = tuple(each for each in policy.actions if not self.actions.get(each.id).approval_type_id)
        return others if approval_type is None else (PolicyAction(self._action_for(approval_type).id), *others)

    def approval_type_of(self, policy: Policy) -> ApprovalType | None:
        """Return the approval type of the policy's requests; None if none of its actions asks for approval."""
        actions = (self.actions.find(each.id) for each in policy.actions)
        asking = next((each for each in actions if each is not None and each.approval_type_id), None)
        return None if asking is None else self.types.get(asking.approval_type_id)

    def new_id(self) -> str:
        """Return an id that no policy, action, type or process has."""
        kept = (self._store.policies, self._store.actions, self._store.approval_types, self._store.approval_processes)
        return next(drawn for drawn in iter(self._ids.guid, "") if all(shelf.get(drawn) is None for shelf in kept))

    def _action_for(self, approval_type: ApprovalType) -> Action:
        """Return an action that uses the type: an existing one, or a new duplicate of the default one."""
        found = next((each for each in self.actions if each.approval_type_id == approval_type.id), None)
        if found is not None:
            return found
        name = free_name(lambda each: self.actions.find_named(each) is None, approval_type.name, "{} Form Action")
        return self.actions.save(replace(FORM_ACTION, id=self.new_id(), name=name, approval_type_id=approval_type.id))

    def _check_process(self, process: ApprovalProcess) -> None:
        if process.template is ProcessTemplate.MANUAL and process.server_id:
            raise BadRequestError(f"approval process {process.name!r} is manual; expected no ServiceNow server")

    def _check_action(self, action: Action) -> None:
        if action.approval_type_id:
            self.types.get(action.approval_type_id)

    def _check_policy(self, policy: Policy) -> None:
        for each in policy.actions:
            self.actions.get(each.id)
