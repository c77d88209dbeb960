"""Carts of the service catalog, and the requests that they become (Docs: c_ServiceCatalogAPI).

A request has a requested item for each line, and each of these one task: what a workflow would make is inferred.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple

from mock_servicenow.now_platform.dictionary.values import amount, whole_number
from mock_servicenow.now_platform.errors import BadRequest
from mock_servicenow.now_platform.records.display_formats import currency
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.catalog_items import (
    ITEMS,
    MOST_VARIABLES,
    VARIABLES,
    Values,
    check_filled,
    orderable,
    price,
    shows_price,
    variables,
)
from mock_servicenow.now_platform.rest.formats import Document

CARTS, LINES, OPTIONS, REQUESTS = "sc_cart", "sc_cart_item", "sc_item_option", "sc_request"
MOST_LINES, MOST_OPTIONS = 50, 1_000
"""How many lines a cart may have, and how many values of variables with them: an order stores each of them (I)."""
_LARGEST_QUANTITY = 10_000
_FREQUENCIES = ("none", "daily", "monthly", "yearly")


class Wanted(NamedTuple):
    """What a caller orders.

    Attributes:
        requested_for: sys_id; empty for the caller.
    """

    item: Record
    quantity: int
    variables: Values
    requested_for: str


class _Line(NamedTuple):
    """A line of a cart with its item."""

    record: Record
    item: Record

    def amount(self, column: str) -> float:
        """Return what the line costs, once or each time."""
        return amount(self.item[column]) * whole_number(self.record["quantity"])


def quantity_of(body: Mapping[str, object]) -> int:
    """Return the quantity in a body; raises BadRequest with the documented words."""
    return _checked_quantity(str(body.get("sysparm_quantity", "")))


def _checked_quantity(given: str) -> int:
    number = int(given) if given.isdecimal() and len(given) < len(str(_LARGEST_QUANTITY)) else 0
    if not number:
        told = f"the quantity is '{given}'; expected a whole number from 1 to {_LARGEST_QUANTITY - 1:,}"
        raise BadRequest("Invalid quantity value", told)
    return number


def cart_of(session: Session) -> Record:
    """Return the user's cart, which begins to exist when it is asked for."""
    user = session.user.sys_id
    return session.find(CARTS, user=user) or session.insert(CARTS, {"user": user})


def filled_cart_of(session: Session) -> Record:
    """Return the user's cart; raises BadRequest if it is empty."""
    cart = cart_of(session)
    if not _lines(session, cart):
        raise BadRequest("Cart is empty", "There is nothing to check out")
    return cart


def _lines(session: Session, cart: Record) -> list[_Line]:
    records = session.query(LINES, f"cart={cart.sys_id}", limit=MOST_LINES)
    items = session.get_many(ITEMS, {record["cat_item"] for record in records})
    return [_Line(record, items[record["cat_item"]]) for record in records if record["cat_item"] in items]


def line_of(session: Session, sys_id: str) -> Record:
    """Return a line of the user's own cart; raises BadRequest, as documented, for any other."""
    line = session.get(LINES, sys_id)
    if line is None or line["cart"] != cart_of(session).sys_id:
        raise BadRequest("Invalid cart item", f"'{sys_id}' is not in the cart of the user")
    return line


def add(session: Session, cart: Record, wanted: Wanted) -> None:
    """Add a line to a cart; raises BadRequest if the cart would have more than it may."""
    _check_size(session.count(LINES, f"cart={cart.sys_id}") + 1, _options(session, cart) + len(wanted.variables))
    line = session.insert(
        LINES, {"cart": cart.sys_id, "cat_item": wanted.item.sys_id, "quantity": str(wanted.quantity)}
    )
    _add_options(session, {"cart_item": line.sys_id}, wanted.variables)
    if wanted.requested_for:
        session.update(CARTS, cart.sys_id, {"requested_for": wanted.requested_for})


def _options(session: Session, cart: Record) -> int:
    return session.elevated.count(OPTIONS, f"cart_item.cart={cart.sys_id}")


def _check_size(lines: int, options: int) -> None:
    if lines > MOST_LINES or options > MOST_OPTIONS:
        raise BadRequest("Cart is full", f"A cart has at most {MOST_LINES} items with {MOST_OPTIONS:,} values")


def _add_options(session: Session, owner: Mapping[str, str], values: Values) -> list[Record]:
    given = ((variable, {"value": value, "order": variable["order"]}) for variable, value in values)
    return [
        session.elevated.insert(OPTIONS, {**owner, "item_option_new": variable.sys_id, **row})
        for variable, row in given
    ]


def change(session: Session, line: Record, wanted: Wanted) -> None:
    """Give a line another quantity and other values of variables."""
    session.update(LINES, line.sys_id, {"quantity": str(wanted.quantity)})
    _delete_options(session, line)
    _add_options(session, {"cart_item": line.sys_id}, wanted.variables)


def remove(session: Session, line: Record) -> None:
    """Remove a line with the values of its variables."""
    session.delete(LINES, line.sys_id)
    _delete_options(session, line)


def _delete_options(session: Session, line: Record) -> None:
    for option in _options_of(session, line):
        session.elevated.delete(OPTIONS, option.sys_id)


def _options_of(session: Session, line: Record) -> list[Record]:
    return session.elevated.query(OPTIONS, f"cart_item={line.sys_id}", limit=MOST_VARIABLES)


def empty(session: Session, sys_id: str) -> None:
    """Delete a cart with its lines; raises BadRequest, as documented, for one that the user may not empty."""
    cart = session.get(CARTS, sys_id)
    if cart is None:
        raise BadRequest("Invalid cartId", f"'{sys_id}' is no cart that the user may empty")
    for line in session.query(LINES, f"cart={cart.sys_id}", limit=MOST_LINES):
        remove(session, line)
    session.delete(CARTS, cart.sys_id)


# What is shown of a cart


def contents(session: Session, cart: Record) -> Document:
    """Return a cart as the addition of an item shows it."""
    lines = _lines(session, cart)
    items: list[Document] = [
        {
            "catalog_item_id": line.item.sys_id,
            "quantity": line.record["quantity"],
            **_line_prices(session, line),
            "item_name": line.item["name"],
            "cart_item_id": line.record.sys_id,
        }
        for line in lines
    ]
    return {"cart_id": cart.sys_id, "subtotal": _sum(lines, "price"), "items": items}


def summary(session: Session, cart: Record) -> dict[str, Document]:
    """Return a cart with its lines by the frequency of what they cost again and again."""
    lines = _lines(session, cart)
    shown = {"cart_id": cart.sys_id, **_subtotals(lines, "")}
    for frequency in _FREQUENCIES:
        some = [line for line in lines if (line.item["recurring_frequency"] or "none") == frequency]
        if some:
            label = session.display(some[0].item, "recurring_frequency") or None
            items = [_shown(session, line) for line in some]
            named = "" if frequency == "none" else frequency
            shown[frequency] = {**_subtotals(some, named), "frequency_label": label, "items": items}
    return shown


def delivery(session: Session, cart: Record) -> dict[str, Document]:
    """Return what the second step of a checkout asks for."""
    wanted = cart["requested_for"] or session.user.sys_id
    user = session.get("sys_user", wanted)
    return {
        "delivery_address": cart["delivery_address"],
        "special_instructions": cart["special_instructions"],
        "requested_for": wanted,
        "requested_for_user": "" if user is None else user["name"],
    }


def address(session: Session, user: Record) -> str:
    """Return a user's address in lines; empty without a location."""
    place = session.get("cmn_location", user["location"])
    if place is None:
        return ""
    town = ", ".join(filter(None, (place["city"], place["state"], place["zip"])))
    return "\n".join(filter(None, (place["street"], town, place["country"])))


def _subtotals(lines: list[_Line], frequency: str) -> dict[str, Document]:
    return {
        "subtotal_price": _sum(lines, "price"),
        "subtotal_recurring_frequency": frequency,
        "subtotal_recurring_price": _sum(lines, "recurring_price"),
        "show_subtotal_price": "true",
        "subtotal_title": "Subtotal",
        "total_title": "Total",
    }


def _shown(session: Session, line: _Line) -> Document:
    record, item = line
    options = _options_of(session, record)
    names = session.get_many(VARIABLES, {option["item_option_new"] for option in options})
    return {
        "cart_item_id": record.sys_id,
        "catalog_item_id": item.sys_id,
        "created_by": record["sys_created_by"],
        "created_on": record["sys_created_on"],
        "updated_by": record["sys_updated_by"],
        "updated_on": record["sys_updated_on"],
        "delivery_time": session.display(item, "delivery_time"),
        "item_id": item.sys_id,
        "item_name": item["name"],
        "name": item["name"],
        "order_guide": "",
        "picture": item["picture"],
        "quantity": record["quantity"],
        "short_description": item["short_description"],
        "show_price": shows_price(session, item),
        "show_quantity": item["no_quantity"] != "true",
        "show_recurring_price": amount(item["recurring_price"]) > 0,
        **_line_prices(session, line),
        "recurring_subtotal": round(line.amount("recurring_price"), 2),
        "recurring_subtotal_price": _sum([line], "recurring_price"),
        "subtotal": round(line.amount("price"), 2),
        "subtotal_price": _sum([line], "price"),
        "sys_class_name": item.table,
        "sys_id": record.sys_id,
        "variables": {
            names[option["item_option_new"]]["name"]: option["value"]
            for option in options
            if option["item_option_new"] in names
        },
    }


def _line_prices(session: Session, line: _Line) -> dict[str, Document]:
    once, again = (price(session, line.item, column) for column in ("price", "recurring_price"))
    label = session.display(line.item, "recurring_frequency") or None
    shown: dict[str, Document] = {"price": once, "localized_price": once, "recurring_price": again}
    return {**shown, "localized_recurring_price": again, "recurring_frequency": label}


def _sum(lines: Iterable[_Line], column: str) -> str:
    return currency(_total(lines, column))


def _total(lines: Iterable[_Line], column: str) -> str:
    return f"USD;{sum(line.amount(column) for line in lines):.2f}"


# What an order becomes


class _Ordered(NamedTuple):
    """An item of a request: how much of it, the values of its variables, and whether it is approved."""

    item: Record
    quantity: str
    options: list[Record]
    approved: bool = True


def submit(session: Session, cart: Record) -> Record:
    """Order what is in a cart, empty it, and return the request; raises BadRequest as for an order of each line."""
    system, lines = session.elevated, _lines(session, cart)
    _check_size(len(lines), _options(session, cart))
    ordered = [_checked(session, line) for line in lines]
    request = _request(session, cart["requested_for"], ordered, _total(lines, "price"))
    for option in chain.from_iterable(each.options for each in ordered):
        system.update(OPTIONS, option.sys_id, {"cart_item": ""})
    for line in lines:
        remove(session, line.record)
    session.update(CARTS, cart.sys_id, {"requested_for": "", "special_instructions": ""})
    return request


def _checked(session: Session, line: _Line) -> _Ordered:
    """Return what a line orders; the Table API writes lines, too, and items change after lines."""
    item, quantity = orderable(session, line.item.sys_id), _checked_quantity(line.record["quantity"])
    known, options = variables(session, item), _options_of(session, line.record)
    given = {option["item_option_new"]: option for option in options}
    check_filled([(each, given[each.sys_id]["value"] if each.sys_id in given else "") for each in known])
    return _Ordered(item, str(quantity), [given[each.sys_id] for each in known if each.sys_id in given])


def order(session: Session, wanted: Wanted, *, approved: bool = True) -> Record:
    """Order an item at once, whatever is in the cart, and return the request.

    ``approved`` tells whether nobody has to approve the item before a task fulfils it.
    """
    options = _add_options(session, {}, wanted.variables)
    total = f"USD;{amount(wanted.item['price']) * wanted.quantity:.2f}"
    return _request(
        session, wanted.requested_for, [_Ordered(wanted.item, str(wanted.quantity), options, approved)], total
    )


def _request(session: Session, requested_for: str, ordered: list[_Ordered], total: str) -> Record:
    system = session.elevated
    values = {"requested_for": requested_for or session.user.sys_id, "price": total}
    request = system.insert(REQUESTS, {**values, "approval": "approved", "request_state": "in_process"})
    for each in ordered:
        _requested_item(system, request, each)
    return request


def _requested_item(system: Session, request: Record, ordered: _Ordered) -> None:
    item = ordered.item
    about = {"request": request.sys_id, "cat_item": item.sys_id, "short_description": item["short_description"]}
    values = {
        **about,
        "sc_catalog": item["sc_catalogs"].partition(",")[0],
        "requested_for": request["requested_for"],
        "quantity": ordered.quantity,
        **{name: item[name] for name in ("price", "recurring_price", "recurring_frequency")},
        "approval": "approved" if ordered.approved else "requested",
        "stage": "fulfillment" if ordered.approved else "waiting_for_approval",
    }
    requested = system.insert("sc_req_item", values)
    for option in ordered.options:
        owned = {"request_item": requested.sys_id, "sc_item_option": option.sys_id}
        system.insert("sc_item_option_mtom", owned)
    if not ordered.approved:
        return
    task = {"request_item": requested.sys_id, "parent": requested.sys_id, "assignment_group": item["group"]}
    system.insert("sc_task", {**about, **task})
