"""The console's policies, actions, approval types and approval processes, and how they route requests."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

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
from console_sim.console_store import ConsoleStore
from console_sim.error_texts import listed, near, shown
from console_sim.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from console_sim.json_object import bare_guid
from console_sim.names import free_name
from console_sim.small_shelf import SmallShelf
from privman_core.ids import Ids


class Item(Protocol):
    """An item that the console lists by name."""

    @property
    def id(self) -> str:
        """A GUID in lower case."""

    @property
    def name(self) -> str:
        """Unique in its kind."""


T = TypeVar("T", bound=Item)


class Catalogue(Generic[T]):
    """The items of one kind: the product's own, as they were changed, and those that were made.

    Args:
        what: the kind, for messages.
        built_in: the product's own.
        read_only: whether the product's own cannot be edited.
        check: raises BadRequestError for an item that names others that do not exist.
    """

    def __init__(
        self, what: str, shelf: SmallShelf[T], built_in: tuple[T, ...], *, read_only: bool, check: Callable[[T], object]
    ) -> None:
        self._what = what
        self._read_only = read_only
        self._shelf = shelf
        self._built_in = {item.id: item for item in built_in}
        self._check = check
        self._by_name: Mapping[str, T] = {}
        self._indexed: Mapping[str, T] | None = None

    def __iter__(self) -> Iterator[T]:
        return iter({**self._built_in, **self._shelf.entries}.values())

    def is_built_in(self, item_id: str) -> bool:
        """Return whether the item is one of the product's own."""
        return item_id in self._built_in

    def require_editable(self, item: T) -> None:
        """Raise ForbiddenError if the item is one of the product's own, and those are read-only."""
        if self._read_only and self.is_built_in(item.id):
            raise ForbiddenError(f"{self._what} {self._built_in[item.id].name!r} is read-only; make one of your own")

    def get(self, item_id: str) -> T:
        """Return the item with that id, in any case; raises NotFoundError."""
        found = self.find(item_id)
        if found is None:
            raise NotFoundError(f"{self._what} {shown(item_id)} does not exist")
        return found

    def find(self, item_id: str) -> T | None:
        """Return the item with that id, in any case, also in braces; None if there is none."""
        bare = bare_guid(item_id)
        return self._shelf.get(bare) or self._built_in.get(bare)

    def named(self, name: str) -> T:
        """Return the item of that name; raises BadRequestError, which lists those that exist."""
        found = self.find_named(name)
        if found is None:
            names = [item.name for item in self]
            known = listed(names, f"one that was created before; there is no {self._what} yet")
            raise BadRequestError(f"unknown {self._what} {shown(name)}{near(name, names)}; expected {known}")
        return found

    def find_named(self, name: str) -> T | None:
        """Return the item of that name; None if there is none."""
        if self._indexed is not self._shelf.entries:
            self._indexed = self._shelf.entries
            self._by_name = {item.name: item for item in reversed(list(self))}
        return self._by_name.get(name)

    def require_free(self, name: str, item_id: str = "") -> None:
        """Raise ConflictError if an item, other than that with the id, has the name."""
        other = self.find_named(name)
        if other is not None and other.id != item_id:
            raise ConflictError(f"{self._what} {name!r} exists; expected another name")

    def save(self, item: T) -> T:
        """Keep a new or edited item and return it.

        Raises ForbiddenError if it is read-only, and what `amend` raises.
        """
        self.require_editable(item)
        return self.amend(item)

    def amend(self, item: T) -> T:
        """Keep what the API changes of an item, which may be one of the product's own, and return it.

        Raises ConflictError if another one has its name, BadRequestError if it names something that does not exist.
        """
        self.require_free(item.name, item.id)
        self._check(item)
        return self._shelf.put(item)


@dataclass(frozen=True, slots=True)
class Route:
    """The route of a request: its policy, the policy's approval type, and the type's process.

    Attributes:
        policy: None if the console does not know it; the request then takes the default action's approval type.
    """

    policy: Policy | None
    type: ApprovalType
    process: ApprovalProcess


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

    def route(self, reported: Mapping[str, Any]) -> Route:
        """Return the route of a request with that metadata.

        Raises ConflictError if its policy is not active, or has no action that asks for approval.
        """
        policy = self._policy_of(reported)
        approval_type = self._default_type() if policy is None else self._asked_type(policy)
        return Route(policy, approval_type, self.processes.get(approval_type.process_id))

    def _asked_type(self, policy: Policy) -> ApprovalType:
        if not policy.enabled:
            raise ConflictError(f"policy {policy.name!r} is not active, so no endpoint asks under it")
        approval_type = self.approval_type_of(policy)
        if approval_type is None:
            raise ConflictError(f"policy {policy.name!r} has no action with an approval type, so it asks nobody")
        return approval_type

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
        without one this stays as it is. A new policy has the actions that the documented wizard adds (integration 8,
        approval/helpdesk.md). Raises BadRequestError, and ForbiddenError for a built-in policy.
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

    def _default_type(self) -> ApprovalType:
        return self.types.get(self.actions.get(FORM_ACTION.id).approval_type_id)

    def new_id(self) -> str:
        """Return an id that no policy, action, type or process has."""
        kept = (self._store.policies, self._store.actions, self._store.approval_types, self._store.approval_processes)
        return next(drawn for drawn in iter(self._ids.guid, "") if all(shelf.get(drawn) is None for shelf in kept))

    def _policy_of(self, reported: Mapping[str, Any]) -> Policy | None:
        policy_id, name = reported.get("PolicyId"), reported.get("PolicyName")
        found = self.policies.find(policy_id) if isinstance(policy_id, str) else None
        return found or (self.policies.find_named(name) if isinstance(name, str) else None)

    def _action_for(self, approval_type: ApprovalType) -> Action:
        """Return an action that uses the type: an existing one, or a new duplicate of the default one."""
        found = next((each for each in self.actions if each.approval_type_id == approval_type.id), None)
        if found is not None:
            return found
        name = free_name(self._is_free_action, approval_type.name, "{} Form Action")
        return self.actions.save(replace(FORM_ACTION, id=self.new_id(), name=name, approval_type_id=approval_type.id))

    def _is_free_action(self, name: str) -> bool:
        return self.actions.find_named(name) is None

    def _check_process(self, process: ApprovalProcess) -> None:
        if process.template is ProcessTemplate.MANUAL and process.server_id:
            raise BadRequestError(f"approval process {process.name!r} is manual; expected no ServiceNow server")

    def _check_action(self, action: Action) -> None:
        if action.approval_type_id:
            self.types.get(action.approval_type_id)

    def _check_policy(self, policy: Policy) -> None:
        for each in policy.actions:
            self.actions.get(each.id)
