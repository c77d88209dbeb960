"""Requests for other users, and for several at once (Docs: delegated-request-exp, c_ServiceCatalogAPI)."""

from collections.abc import Mapping, Sequence

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import BadRequest
from mock_servicenow.now_platform.identity.roles import acting_user
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.catalog_items import ITEMS, requested_for_variable, variables
from mock_servicenow.now_platform.rest.catalog_orders import Wanted

MOST_RECEIVERS = 50
ALSO = "sysparm_also_request_for"
NOT_FOR_SEVERAL = (
    "42202",
    ("This item cannot be submitted for multiple people as it is not configured with Requested For"),
)
"""Code and message of a refusal, as documented."""


def may_receive(session: Session, item: Record, user: str) -> bool:
    """Return whether an item may be requested for a user.

    Any user may receive an item with delegated access; any other item only a user who may read it.
    """
    if item["active"] != "true" or session.get("sys_user", user) is None:
        return False
    if item["access_type"] == "delegated":
        return True
    receiver = acting_user(session.of_system, user)
    return receiver is not None and session.acting_for(receiver).get(ITEMS, item.sys_id) is not None


def is_for_several(session: Session, item: Record) -> bool:
    """Return whether an item has a variable of type Requested For."""
    return requested_for_variable(variables(session, item)) is not None


def further_receivers(body: Mapping[str, object]) -> list[str]:
    """Return the sys_ids of the users for whom a body also requests; raises BadRequest for more than documented."""
    named = list(dict.fromkeys(filter(None, map(str.strip, json_text(body.get(ALSO)).split(",")))))
    if len(named) > MOST_RECEIVERS:
        raise BadRequest(f"Invalid {ALSO}", f"It names {len(named)} users; expected at most {MOST_RECEIVERS}")
    return named


def refused_receivers(session: Session, item: Record, users: list[str]) -> list[str]:
    """Return the names of those of the users who may not receive an item; sys_ids of unknown ones."""
    refused = [each for each in users if not may_receive(session, item, each)]
    known = session.get_many("sys_user", set(refused))
    return [known[each]["name"] if each in known else each for each in refused]


def check_receivers(session: Session, item: Record, users: list[str]) -> None:
    """Raise BadRequest, as documented, unless every user but the caller may receive an item."""
    refused = refused_receivers(session, item, [each for each in users if each != session.user.sys_id])
    if refused:
        told = f"It may not be requested for {', '.join(refused)}"
        raise BadRequest("Security constraints prevent ordering of Item", told)


def for_each_receiver(session: Session, wanted: Wanted, others: Sequence[str] = ()) -> list[Wanted]:
    """Return an order once for its receiver and for each of the others.

    Raises BadRequest, as documented, if one of them may not receive the item.
    """
    receiving = requested_for_variable(variables(session, wanted.item))
    if receiving is None:
        if others:
            raise BadRequest(NOT_FOR_SEVERAL[1])
        return [wanted]
    if others:
        _check_several(session, receiving)
    given = {each.sys_id: value for each, value in wanted.variables}
    users = list(dict.fromkeys((given[receiving.sys_id] or session.user.sys_id, *others)))
    check_receivers(session, wanted.item, users)
    return [_for_receiver(wanted, receiving, user) for user in users]


def _check_several(session: Session, receiving: Record) -> None:
    roles = tuple(filter(None, receiving["roles_to_use_also_request_for"].split(",")))
    if receiving["enable_also_request_for"] != "true" or (roles and not session.user.has_any(roles)):
        raise BadRequest(f"Invalid {ALSO}", f"The variable '{receiving['name']}' lets the user order for nobody else")


def _for_receiver(wanted: Wanted, receiving: Record, user: str) -> Wanted:
    values = [(each, user if each.sys_id == receiving.sys_id else value) for each, value in wanted.variables]
    return wanted._replace(variables=values)
