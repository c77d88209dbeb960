"""Carts of the service catalog, and wish lists, which are carts, too (Docs: catalog-items-wishlist).

Each user has one of either; both are records of sc_cart.
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
    check_filled,
    frequency,
    orderable,
    price,
    requested_for,
    shows_price,
    variables,
)
from mock_servicenow.now_platform.rest.catalog_orders import (
    FULL,
    OPTIONS,
    Ordered,
    Wanted,
    add_options,
    check_options,
    request,
)
from mock_servicenow.now_platform.rest.delegated_requests import check_receivers
from mock_servicenow.now_platform.rest.formats import Document

CARTS, LINES = "sc_cart", "sc_cart_item"
MOST_LINES = 50
"""How many lines a cart may have (I)."""
_CART, _WISH_LIST = "DEFAULT", "saved_items"
_LARGEST_QUANTITY = 10_000
_FREQUENCIES = ("none", "daily", "monthly", "yearly")


class _Line(NamedTuple):
    """A line of a cart with its item."""

    record: Record
    item: Record

    def amount(self, column: str) -> float:
        """Return what the line costs, once or each time."""
        return amount(self.item[column]) * whole_number(self.record["quantity"])


def quantity_of(body: Mapping[str, object], usual: str = "") -> int:
    """Return the quantity in a body, or else the usual one; raises BadRequest with the documented words."""
    return _checked_quantity(str(body.get("sysparm_quantity", usual)))


def _checked_quantity(given: str) -> int:
    number = int(given) if given.isdecimal() and len(given) < len(str(_LARGEST_QUANTITY)) else 0
    if not number:
        told = f"the quantity is '{given}'; expected a whole number from 1 to {_LARGEST_QUANTITY - 1:,}"
        raise BadRequest("Invalid quantity value", told)
    return number


def cart_of(session: Session) -> Record:
    """Return the user's cart, which begins to exist when it is asked for."""
    return _own(session, _CART)


def wish_list_of(session: Session) -> Record:
    """Return the user's wish list, which begins to exist when it is asked for."""
    return _own(session, _WISH_LIST)


def _own(session: Session, name: str) -> Record:
    known = {"user": session.user.sys_id, "name": name}
    return session.find(CARTS, **known) or session.insert(CARTS, known)


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
    ordered = {"cat_item": wanted.item.sys_id, "quantity": str(wanted.quantity), "order_guide": wanted.guide}
    line = session.insert(LINES, {"cart": cart.sys_id, **ordered})
    add_options(session, {"cart_item": line.sys_id}, wanted.variables)
    if wanted.requested_for:
        session.update(CARTS, cart.sys_id, {"requested_for": wanted.requested_for})


def wish(session: Session, wish_list: Record, wanted: Wanted) -> None:
    """Add an item to a wish list, or change the line that it has there already; raises BadRequest, as `add` does."""
    known = session.find(LINES, cart=wish_list.sys_id, cat_item=wanted.item.sys_id)
    if known is None:
        add(session, wish_list, wanted)
    else:
        change(session, known, wanted)


def _options(session: Session, cart: Record) -> int:
    return session.elevated.count(OPTIONS, f"cart_item.cart={cart.sys_id}")


def _check_size(lines: int, options: int) -> None:
    if lines > MOST_LINES:
        raise BadRequest(FULL, f"A cart has at most {MOST_LINES} items")
    check_options(options)


def change(session: Session, line: Record, wanted: Wanted) -> None:
    """Give a line another quantity and other values of variables."""
    session.update(LINES, line.sys_id, {"quantity": str(wanted.quantity)})
    _delete_options(session, line)
    add_options(session, {"cart_item": line.sys_id}, wanted.variables)


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
    items: list[Document] = [_brief(session, line) for line in lines]
    return {"cart_id": cart.sys_id, "subtotal": _sum(lines, "price"), "items": items}


def wishes(session: Session, wish_list: Record) -> Document:
    """Return a wish list as the addition of an item shows it."""
    return {"cart_id": wish_list.sys_id, "items": [_wish(session, line) for line in _lines(session, wish_list)]}


def one_wish(session: Session, wish_list: Record, sys_id: str) -> Document | None:
    """Return a line of a wish list; None for any other."""
    return next((_wish(session, line) for line in _lines(session, wish_list) if line.record.sys_id == sys_id), None)


def full_wishes(session: Session, wish_list: Record) -> Document:
    """Return a wish list with all that is known of its lines."""
    return {"cart_id": wish_list.sys_id, "items": [_shown(session, line) for line in _lines(session, wish_list)]}


def _brief(session: Session, line: _Line) -> dict[str, Document]:
    return {
        "catalog_item_id": line.item.sys_id,
        "quantity": line.record["quantity"],
        **_line_prices(session, line),
        "item_name": line.item["name"],
        "cart_item_id": line.record.sys_id,
    }


def _wish(session: Session, line: _Line) -> Document:
    delivered = session.display(line.item, "delivery_time")
    return {**_brief(session, line), "variables": _values(session, line), "delivery_time": delivered}


def _values(session: Session, line: _Line) -> dict[str, Document]:
    """Return the values of a line's variables by the variables' labels."""
    options = _options_of(session, line.record)
    known = session.get_many(VARIABLES, {option["item_option_new"] for option in options})
    return {
        known[option["item_option_new"]]["question_text"]: option["value"]
        for option in options
        if option["item_option_new"] in known
    }


def summary(session: Session, cart: Record) -> dict[str, Document]:
    """Return a cart with its lines by the frequency of what they cost again and again."""
    lines = _lines(session, cart)
    shown = {"cart_id": cart.sys_id, **_subtotals(lines, "")}
    for name in _FREQUENCIES:
        some = [line for line in lines if (line.item["recurring_frequency"] or "none") == name]
        if some:
            label = frequency(session, some[0].item)
            items = [_shown(session, line) for line in some]
            shown[name] = {**_subtotals(some, label or ""), "frequency_label": label, "items": items}
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


def _subtotals(lines: list[_Line], label: str) -> dict[str, Document]:
    return {
        "subtotal_price": _sum(lines, "price"),
        "subtotal_recurring_frequency": label,
        "subtotal_recurring_price": _sum(lines, "recurring_price"),
        "show_subtotal_price": "true",
        "subtotal_title": "Subtotal",
        "total_title": "Total",
    }


def _shown(session: Session, line: _Line) -> Document:
    record, item = line
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
        "order_guide": record["order_guide"],
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
        "variables": _values(session, line),
    }


def _line_prices(session: Session, line: _Line) -> dict[str, Document]:
    once, again = (price(session, line.item, column) for column in ("price", "recurring_price"))
    label = frequency(session, line.item)
    shown: dict[str, Document] = {"price": once, "localized_price": once, "recurring_price": again}
    return {**shown, "localized_recurring_price": again, "recurring_frequency": label}


def _sum(lines: Iterable[_Line], column: str) -> str:
    return currency(_total(lines, column))


def _total(lines: Iterable[_Line], column: str) -> str:
    return f"USD;{sum(line.amount(column) for line in lines):.2f}"


# The order of a cart


def submit(session: Session, cart: Record) -> Record:
    """Order what is in a cart, empty it, and return the request; raises BadRequest as for an order of each line."""
    system, lines = session.elevated, _lines(session, cart)
    _check_size(len(lines), _options(session, cart))
    ordered = [_checked(session, line) for line in lines]
    made = request(session, cart["requested_for"], ordered, sum(line.amount("price") for line in lines))
    for option in chain.from_iterable(each.options for each in ordered):
        system.update(OPTIONS, option.sys_id, {"cart_item": ""})
    for line in lines:
        remove(session, line.record)
    session.update(CARTS, cart.sys_id, {"requested_for": "", "special_instructions": ""})
    return made


def _checked(session: Session, line: _Line) -> Ordered:
    """Return what a line orders; the Table API writes lines, too, and items change after lines."""
    item, quantity = orderable(session, line.item.sys_id), _checked_quantity(line.record["quantity"])
    known, options = variables(session, item), _options_of(session, line.record)
    given = {option["item_option_new"]: option for option in options}
    values = [(each, given[each.sys_id]["value"] if each.sys_id in given else "") for each in known]
    check_filled(values)
    receiver = requested_for(session, values)
    check_receivers(session, item, [receiver] if receiver else [])
    kept = [given[each.sys_id] for each in known if each.sys_id in given]
    return Ordered(item, str(quantity), kept, receiver, line.record["order_guide"])
