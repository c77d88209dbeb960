"""The requests of the service catalog: what an order becomes (Docs: c_ServiceCatalogAPI, delegated-request-exp).

A request has a requested item for each item ordered, and each of these one task: what a workflow would make is
inferred.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mock_servicenow.now_platform.dictionary.values import amount, whole_number
from mock_servicenow.now_platform.errors import BadRequest
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import bounded_records
from mock_servicenow.now_platform.rest.catalog_items import (
    MOST_VARIABLES,
    VARIABLES,
    Values,
    requested_for,
    shown_values,
)
from mock_servicenow.now_platform.rest.formats import Document
from mock_servicenow.now_platform.rules.catalog_rules import FULL

OPTIONS, REQUESTS, REQUESTED_ITEMS = "sc_item_option", "sc_request", "sc_req_item"
LINKS = "sc_item_option_mtom"
MOST_OPTIONS = 1_000
"""How many values of variables an order may have, since it stores each of them (I)."""


class Wanted(NamedTuple):
    """What a caller orders.

    Attributes:
        requested_for: sys_id of the user for whom the request is; empty for the caller.
        guide: sys_id of the order guide; empty for none.
    """

    item: Record
    quantity: int
    variables: Values
    requested_for: str = ""
    guide: str = ""


class Ordered(NamedTuple):
    """An item of a request.

    Attributes:
        options: the records with the values of its variables.
        requested_for: sys_id; empty for the user for whom the request is.
        approved: whether nobody has to approve the item before a task fulfils it.
    """

    item: Record
    quantity: str
    options: list[Record]
    requested_for: str = ""
    guide: str = ""
    approved: bool = True


def order(session: Session, wanted: Sequence[Wanted], *, approved: bool = True) -> Record:
    """Order items at once, whatever is in the cart, and return the request, which is for the first one's receiver.

    Raises BadRequest for more values of variables than an order may have.
    """
    check_options(sum(len(each.variables) for each in wanted))
    ordered = [
        Ordered(
            each.item,
            str(each.quantity),
            add_options(session, {}, each.variables),
            requested_for(session, each.variables),
            each.guide,
            approved,
        )
        for each in wanted
    ]
    total = sum(amount(each.item["price"]) * each.quantity for each in wanted)
    return request(session, wanted[0].requested_for, ordered, total)


def check_options(count: int) -> None:
    """Raise BadRequest for more values of variables than an order may have."""
    if count > MOST_OPTIONS:
        raise BadRequest(FULL, f"An order has at most {MOST_OPTIONS:,} values of variables")


def add_options(session: Session, owner: Mapping[str, str], values: Values) -> list[Record]:
    """Store the values of variables; the owner's columns say of which line of a cart they are."""
    given = ((variable, {"value": value, "order": variable["order"]}) for variable, value in values)
    return [
        session.elevated.insert(OPTIONS, {**owner, "item_option_new": variable.sys_id, **row})
        for variable, row in given
    ]


def request(session: Session, receiver: str, ordered: list[Ordered], total: float) -> Record:
    """Create a request with its items for a user, or else for the caller."""
    system = session.elevated
    values = {"requested_for": receiver or session.user.sys_id, "price": f"USD;{total:.2f}"}
    made = system.insert(REQUESTS, {**values, "approval": "approved", "request_state": "in_process"})
    for each in ordered:
        _requested_item(system, made, each)
    return made


def variables_of_items(session: Session, items: list[Record]) -> dict[str, list[Document]]:
    """Return the variables of requested items with what people read of their values, by the items' sys_ids."""
    ids = ",".join(item.sys_id for item in items)
    links = bounded_records(session, LINKS, f"request_itemIN{ids}", limit=len(items) * MOST_VARIABLES)
    options = session.get_many(OPTIONS, {link["sc_item_option"] for link in links})
    known = session.get_many(VARIABLES, {option["item_option_new"] for option in options.values()})
    owned = [
        (link["request_item"], known[option["item_option_new"]], option["value"])
        for link in links
        if (option := options.get(link["sc_item_option"])) is not None and option["item_option_new"] in known
    ]
    owned.sort(key=lambda each: whole_number(each[1]["order"]))
    found: dict[str, list[Document]] = {item.sys_id: [] for item in items}
    texts = shown_values(session, [(variable, value) for _, variable, value in owned])
    for (item, variable, _), text in zip(owned, texts, strict=True):
        found[item].append(_shown(variable, text))
    return found


def _shown(variable: Record, text: str) -> Document:
    numbers = {name: whole_number(variable[name]) for name in ("type", "order")}
    return {"question_text": variable["question_text"], "name": variable["name"], "value": text, **numbers}


def _requested_item(system: Session, request: Record, ordered: Ordered) -> None:
    item = ordered.item
    about = {"request": request.sys_id, "cat_item": item.sys_id, "short_description": item["short_description"]}
    values = {
        **about,
        "sc_catalog": item["sc_catalogs"].partition(",")[0],
        "requested_for": ordered.requested_for or request["requested_for"],
        "quantity": ordered.quantity,
        "order_guide": ordered.guide,
        **{name: item[name] for name in ("price", "recurring_price", "recurring_frequency")},
        "approval": "approved" if ordered.approved else "requested",
        "stage": "fulfillment" if ordered.approved else "waiting_for_approval",
    }
    requested = system.insert(REQUESTED_ITEMS, values)
    for option in ordered.options:
        owned = {"request_item": requested.sys_id, "sc_item_option": option.sys_id}
        system.insert(LINKS, owned)
    if not ordered.approved:
        return
    task = {"request_item": requested.sys_id, "parent": requested.sys_id, "assignment_group": item["group"]}
    system.insert("sc_task", {**about, **task})
