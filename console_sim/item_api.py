"""Policies, filters, actions, reports and tasks in the API.

Addresses and methods are those of the contracts' index, from which the Swagger document is made, too.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import TypeVar

import orjson
from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from console_sim.accounts import ApiClientUser
from console_sim.approval_items import Action, Policy, PolicyAction, PolicyFilter
from console_sim.callers import Callers
from console_sim.console import Console
from console_sim.envelope import Envelope, read_json
from console_sim.error_texts import brief
from console_sim.errors import BadRequestError, ConflictError, NotFoundError
from console_sim.item_bodies import (
    ignored_parameters,
    item_json,
    policy_json,
    read_actions,
    read_filters,
    read_new_policy,
    read_parameters,
    report_json,
)
from console_sim.json_object import bare_guid
from console_sim.packaged_items import ItemFilter, find, packaged_items
from console_sim.rights import Right, require_policies_of, require_right
from privman_contracts.contract_checks import ContractChecks
from privman_core.exchange import findings_of

READING = ("GET", "HEAD")
"""The methods of an address that only reads; no other one answers HEAD, which must change nothing."""
_AT_ONCE = 100  # items that are written before others are served
_UNKNOWN = "unknown_item_status"
_PARAMETER = re.compile(r"\{(\w+)\}")
Answer = Callable[[web.Request], Awaitable[web.Response]]
Part = TypeVar("Part", PolicyFilter, PolicyAction)
_Change = Callable[[tuple[Part, ...], tuple[Part, ...]], tuple[Part, ...]]


class ItemCall(Struct, frozen=True):
    """One call: who makes it, and the parameters in its path."""

    request: web.Request
    user: ApiClientUser
    path: Mapping[str, str]

    def item_id(self, name: str) -> str:
        """Return a GUID of the path in lower case, without braces."""
        return bare_guid(self.path[name])


class Operation(Struct, frozen=True):
    """The handler of a call, and the right that its caller needs."""

    right: Right
    answer: Callable[[ItemCall], Awaitable[web.Response]]


class ItemAddress(Struct, frozen=True):
    """An address of the index."""

    method: str
    path: re.Pattern[str]
    operation: Operation

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it answers."""
        reads = self.method == "GET" and not self.operation.right.acts
        return READING if reads else (self.method,)


class ItemApi:
    """Answers the calls about items, each by its name in the contracts' index."""

    def __init__(self, console: Console, callers: Callers, envelope: Envelope, checks: ContractChecks) -> None:
        self._automation = console.automation
        self._callers = callers
        self._envelope = envelope
        self._checks = checks
        self._report_in_envelope = console.names.choice("report_answer") == "envelope"
        self._items = packaged_items()

    @property
    def _operations(self) -> Mapping[str, Operation]:
        view, modify = Right.VIEW_ITEMS, Right.MODIFY_POLICIES
        return {
            "list_policies": Operation(view, self.list_policies),
            "read_policy": Operation(view, self.read_policy),
            "create_policy": Operation(modify, self.create_policy),
            "add_policy_filters": Operation(modify, partial(self.change_filters, how=_added)),
            "remove_policy_filters": Operation(modify, partial(self.change_filters, how=_removed)),
            "add_policy_actions": Operation(modify, partial(self.change_actions, how=_added)),
            "remove_policy_actions": Operation(modify, partial(self.change_actions, how=_removed)),
            "enable_policy": Operation(modify, self.enable_policy),
            "enable_policy_by_get": Operation(modify, self.enable_policy),
            "list_filters": Operation(view, self.list_filters),
            "read_filter": Operation(view, self.read_filter),
            "list_actions": Operation(view, self.list_actions),
            "read_action": Operation(view, self.read_action),
            "run_report": Operation(Right.VIEW_REPORTS, self.run_report),
            "run_task": Operation(Right.RUN_TASKS, self.run_task),
        }

    def calls(self, path: str) -> dict[str, Answer]:
        """Return the handler of each method at that path; empty for a path that is not of items."""
        found: dict[str, Answer] = {}
        for route in self._routes:
            if matched := route.path.fullmatch(path):
                answer = partial(self._answer, route.operation, matched.groupdict())
                found |= {method: answer for method in route.methods if method not in found}
        return found

    async def list_policies(self, _call: ItemCall) -> web.Response:
        """Answer every policy."""
        return await self._list(map(policy_json, self._automation.policies))

    async def read_policy(self, call: ItemCall) -> web.Response:
        """Answer a policy; raises NotFoundError."""
        return self._envelope.ok(policy_json(self._policy(call.item_id("itemId"))))

    async def create_policy(self, call: ItemCall) -> web.Response:
        """Make an inactive policy and answer its id; raises BadRequestError, also for a name that a policy has."""
        new = read_new_policy(await read_json(call.request))
        require_policies_of(call.user, new.os)
        policy = Policy(self._automation.new_id(), new.name, new.description, new.os, enabled=False)
        try:
            return self._save(policy)
        except ConflictError as error:
            raise BadRequestError(str(error)) from None

    async def change_filters(self, call: ItemCall, how: _Change[PolicyFilter]) -> web.Response:
        """Add or remove filters of a policy; raises NotFoundError for an unknown one."""
        policy = self._policy_to_change(call)
        filters = read_filters(await read_json(call.request))
        for each in filters:
            self._filter(each.id)
        return self._save(replace(policy, filters=how(policy.filters, filters)))

    async def change_actions(self, call: ItemCall, how: _Change[PolicyAction]) -> web.Response:
        """Add or remove actions of a policy; raises NotFoundError for an unknown one."""
        policy = self._policy_to_change(call)
        actions = read_actions(await read_json(call.request))
        for each in actions:
            self._action(each.id)
        return self._save(replace(policy, actions=how(policy.actions, actions)))

    async def enable_policy(self, call: ItemCall) -> web.Response:
        """Make a policy active or inactive; raises BadRequestError for another word than true or false."""
        policy, word = self._policy_to_change(call), call.path["enable"].lower()
        if word not in {"true", "false"}:
            raise BadRequestError(f"'enable' is {call.path['enable']!r}; expected true or false")
        return self._save(replace(policy, enabled=word == "true"))

    async def list_filters(self, _call: ItemCall) -> web.Response:
        """Answer every filter."""
        return await self._list(map(item_json, self._items.filters))

    async def read_filter(self, call: ItemCall) -> web.Response:
        """Answer a filter; raises NotFoundError."""
        return self._envelope.ok(item_json(self._filter(call.item_id("itemId"))))

    async def list_actions(self, _call: ItemCall) -> web.Response:
        """Answer every action."""
        return await self._list(map(item_json, self._automation.actions))

    async def read_action(self, call: ItemCall) -> web.Response:
        """Answer an action; raises NotFoundError."""
        return self._envelope.ok(item_json(self._action(call.item_id("itemId"))))

    async def run_report(self, call: ItemCall) -> web.Response:
        """Answer the columns and rows of a report; parameters named like columns select the rows."""
        report = find(self._items.reports, call.item_id("reportId"))
        if report is None:
            raise _unknown("report", call.path["reportId"])
        parameters = read_parameters(await read_json(call.request), ("reportId", "parameterValues"))
        findings_of(call.request).extend(ignored_parameters(report, parameters))
        answer = report_json(report, parameters)
        if self._report_in_envelope:
            return self._envelope.ok(answer)
        return web.Response(body=orjson.dumps(answer), content_type="application/json")

    async def run_task(self, call: ItemCall) -> web.Response:
        """Answer the id of a run; nothing else happens. Raises NotFoundError."""
        if find(self._items.tasks, call.item_id("taskId")) is None:
            raise _unknown("task", call.path["taskId"])
        read_parameters(await read_json(call.request), ("taskId", "instanceName", "inputParameterValues"))
        return self._envelope.ok(self._automation.new_id())

    @cached_property
    def _routes(self) -> list[ItemAddress]:
        operations = self._operations
        return [
            ItemAddress(each.method, _pattern(each.path), operations[each.name])
            for each in self._checks.exchanges()
            if each.name in operations
        ]

    async def _answer(self, operation: Operation, path: dict[str, str], request: web.Request) -> web.Response:
        user = await self._callers.require_user(request)
        require_right(user, operation.right)
        return await operation.answer(ItemCall(request, user, path))

    async def _list(self, items: Iterable[dict[str, object]]) -> web.Response:
        """Return the items, which are written in steps, since a policy may have many filters."""
        written: list[orjson.Fragment] = []
        for item in items:
            written.append(orjson.Fragment(orjson.dumps(item)))
            if len(written) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return self._envelope.ok_list(written)

    def _save(self, policy: Policy) -> web.Response:
        return self._envelope.ok(self._automation.policies.amend(policy).id)

    def _policy(self, item_id: str) -> Policy:
        policy = self._automation.policies.find(item_id)
        if policy is None:
            raise _unknown("policy", item_id)
        return policy

    def _policy_to_change(self, call: ItemCall) -> Policy:
        policy = self._policy(call.item_id("policyId"))
        require_policies_of(call.user, policy.os)
        return policy

    def _filter(self, item_id: str) -> ItemFilter:
        found = find(self._items.filters, item_id)
        if found is None:
            raise _unknown("filter", item_id)
        return found

    def _action(self, item_id: str) -> Action:
        found = self._automation.actions.find(item_id)
        if found is None:
            raise _unknown("action", item_id)
        return found


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", path), re.IGNORECASE)


def _unknown(what: str, item_id: str) -> NotFoundError:
    return NotFoundError(f"{what} {brief(item_id)} does not exist", _UNKNOWN)


def _added(before: tuple[Part, ...], given: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(dict.fromkeys(before + given))


def _removed(before: tuple[Part, ...], given: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(each for each in before if each not in given)
