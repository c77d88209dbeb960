"""The bodies of the API's calls about items; each reader raises BadRequestError."""

from collections.abc import Collection, Iterator
from typing import Any

from msgspec import Struct

from console_sim.approval_items import Action, Policy, PolicyAction, PolicyFilter
from console_sim.error_texts import brief
from console_sim.errors import BadRequestError
from console_sim.json_object import JsonObject, spelled
from console_sim.packaged_items import ItemFilter, PackagedReport
from privman_core.findings import Finding

LONGEST_DESCRIPTION = 4_000
MOST_LISTED = 1_000
"""Filters, actions or parameters of one body."""
_SYSTEMS = ("win", "mac")
_ROLES = (1, 2, 3)
_ASSEMBLY = "Thycotic.Tms.Managers"


class NewPolicy(Struct, frozen=True):
    """A policy to make."""

    name: str
    description: str
    os: str


class Parameter(Struct, frozen=True):
    """A parameter of a report or a task; ``value`` is any JSON."""

    name: str
    value: object


def read_new_policy(body: object) -> NewPolicy:
    """Read the policy to make."""
    values = _object(body, ("Name", "Description", "OS"))
    system = values.text("OS")
    if system.lower() not in _SYSTEMS:
        raise BadRequestError(f"'OS' is {brief(system)}; expected win or mac")
    description = values.any_text("Description")
    return NewPolicy(
        values.name("Name"),
        _bounded("Description", description, LONGEST_DESCRIPTION),
        system.lower(),
    )


def read_filters(body: object) -> tuple[PolicyFilter, ...]:
    """Read filters of a policy with their roles."""
    return tuple(map(_filter, _objects(_object(body, ("Filters",)).many("Filters"), ("Id", "FilterRole"))))


def read_actions(body: object) -> tuple[PolicyAction, ...]:
    """Read actions of a policy."""
    listed = _objects(_object(body, ("Actions",)).many("Actions"), ("Id", "IsChildAction"))
    return tuple(PolicyAction(each.guid("Id"), each.flag("IsChildAction", default=False)) for each in listed)


def read_parameters(body: object, keys: tuple[str, ...]) -> list[Parameter]:
    """Read parameters: a list, an object that has one under the last of the keys, or none."""
    if body is None:
        return []
    listed = body if isinstance(body, list) else _object(body, keys).many(keys[-1], default=[])
    return [Parameter(each.text("Name"), each.any("Value")) for each in _objects(listed, ("Name", "Value"))]


def policy_json(policy: Policy) -> dict[str, object]:
    """Return the policy as the API shows it."""
    return {
        "Id": policy.id,
        "Name": policy.name,
        "Description": policy.description,
        "OS": policy.os,
        "Enabled": policy.enabled,
        "Filters": [{"Id": each.id, "FilterRole": each.role} for each in policy.filters],
        "Actions": [{"Id": each.id, "IsChildAction": each.is_child} for each in policy.actions],
    }


def item_json(item: ItemFilter | Action) -> dict[str, object]:
    """Return the filter or action as the API shows it."""
    return {"Id": item.id, "Name": item.name, "Description": item.description, "Type": item.type}


def report_json(report: PackagedReport, parameters: Collection[Parameter]) -> dict[str, object]:
    """Return columns and rows of a report; only rows with the values of parameters that are named like columns."""
    names = [column.name for column in report.columns]
    wanted = [(names.index(each.name), each.value) for each in parameters if each.name in names]
    columns = [
        {
            "$type": f"{_ASSEMBLY}.Column, Thycotic.Tms",
            "field": f"[{place}]",
            "title": column.name,
            "columnName": column.name,
            "hidden": column.hidden,
            "format": None,
            "dataType": column.type,
        }
        for place, column in enumerate(report.columns)
    ]
    rows = [row for row in report.rows if all(row[place] == value for place, value in wanted)]
    return {"$type": f"{_ASSEMBLY}.ThinResults, Thycotic.Tms", "Columns": columns, "Data": rows}


def ignored_parameters(report: PackagedReport, parameters: Collection[Parameter]) -> Iterator[Finding]:
    """Yield a finding for each parameter that is not named like a column of the report."""
    names = [column.name for column in report.columns]
    for each in parameters:
        if each.name not in names:
            message = f"report {report.name!r} has no parameter {brief(each.name)}; expected one of {', '.join(names)}"
            yield Finding("swallowed", "report-parameter-ignored", message, "$")


def _filter(values: JsonObject) -> PolicyFilter:
    role = values.any("FilterRole")
    if isinstance(role, bool) or role not in _ROLES:
        raise BadRequestError(f"'FilterRole' is {brief(role)}; expected 1, 2 or 3")
    return PolicyFilter(values.guid("Id"), int(role))


def _object(body: object, known: tuple[str, ...]) -> JsonObject:
    if not isinstance(body, dict):
        raise BadRequestError(f"the body is {brief(body)}; expected an object with {', '.join(known)}")
    return spelled(body, known)


def _objects(listed: list[Any], known: tuple[str, ...]) -> list[JsonObject]:
    if len(listed) > MOST_LISTED:
        raise BadRequestError(f"the body lists {len(listed)}; expected at most {MOST_LISTED}")
    for each in listed:
        if not isinstance(each, dict):
            raise BadRequestError(f"the body lists {brief(each)}; expected objects with {' and '.join(known)}")
    return [spelled(each, known) for each in listed]


def _bounded(key: str, text: str, most: int) -> str:
    if len(text) > most:
        raise BadRequestError(f"{key!r} has {len(text)} characters; expected 0 to {most}")
    return text
