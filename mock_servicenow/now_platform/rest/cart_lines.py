"""Lines of carts and wish lists, which both are records of sc_cart, with the values of their variables.

Each user has one cart and one wish list.
"""

from collections.abc import Mapping
from typing import NamedTuple

from mock_servicenow.now_platform.dictionary.values import amount, whole_number
from mock_servicenow.now_platform.errors import BadRequest
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.catalog_items import ITEMS, MOST_VARIABLES
from mock_servicenow.now_platform.rest.catalog_orders import OPTIONS, Wanted, add_options, check_options
from mock_servicenow.now_platform.rules.catalog_rules import FULL, LINES, MOST_LINES
from privman_core.natural_numbers import natural_number

CARTS = "sc_cart"
_LARGEST_QUANTITY = 10_000


class CartLine(NamedTuple):
    """A line of a cart with its item."""

    record: Record
    item: Record

    def amount(self, column: str) -> float:
        """Return what the line costs, once or each time."""
        return amount(self.item[column]) * whole_number(self.record["quantity"])


def quantity_of(body: Mapping[str, object], usual: str = "") -> int:
    """Return the quantity in a body, or else the usual one; raises BadRequest with the documented words."""
    return checked_quantity(str(body.get("sysparm_quantity", usual)))


def checked_quantity(given: str) -> int:
    """Return a quantity as a number; raises BadRequest with the documented words."""
    number = natural_number(given)
    if not number or number >= _LARGEST_QUANTITY:
        told = f"the quantity is '{given}'; expected a whole number from 1 to {_LARGEST_QUANTITY - 1:,}"
        raise BadRequest("Invalid quantity value", told)
    return number


def own_cart(session: Session, name: str) -> Record:
    """Return the user's cart of that name, which begins to exist when it is asked for."""
    known = {"user": session.user.sys_id, "name": name}
    return session.find(CARTS, **known) or session.insert(CARTS, known)


def lines_of(session: Session, cart: Record) -> list[CartLine]:
    """Return the lines of a cart whose items the user may see."""
    records = session.query(LINES, f"cart={cart.sys_id}", limit=MOST_LINES)
    items = session.get_many(ITEMS, {record["cat_item"] for record in records})
    return [CartLine(record, items[record["cat_item"]]) for record in records if record["cat_item"] in items]


def options_of(session: Session, line: Record) -> list[Record]:
    """Return the records with the values of a line's variables."""
    return session.elevated.query(OPTIONS, f"cart_item={line.sys_id}", limit=MOST_VARIABLES)


def check_size(session: Session, cart: Record, *, lines: int = 0, options: int = 0) -> None:
    """Raise BadRequest if a cart would have more lines, or values of variables, than it may, with so many more."""
    if session.count(LINES, f"cart={cart.sys_id}") + lines > MOST_LINES:
        raise BadRequest(FULL, f"A cart has at most {MOST_LINES} items")
    check_options(session.elevated.count(OPTIONS, f"cart_item.cart={cart.sys_id}") + options)


def add_line(session: Session, cart: Record, wanted: Wanted) -> None:
    """Add a line to a cart; raises BadRequest if the cart would have more than it may."""
    check_size(session, cart, lines=1, options=len(wanted.variables))
    ordered = {"cat_item": wanted.item.sys_id, "quantity": str(wanted.quantity), "order_guide": wanted.guide}
    line = session.insert(LINES, {"cart": cart.sys_id, **ordered})
    add_options(session, {"cart_item": line.sys_id}, wanted.variables)
    if wanted.requested_for:
        session.update(CARTS, cart.sys_id, {"requested_for": wanted.requested_for})


def change_line(session: Session, line: Record, wanted: Wanted) -> None:
    """Give a line another quantity and other values of variables."""
    session.update(LINES, line.sys_id, {"quantity": str(wanted.quantity)})
    _delete_options(session, line)
    add_options(session, {"cart_item": line.sys_id}, wanted.variables)


def remove_line(session: Session, line: Record) -> None:
    """Remove a line with the values of its variables."""
    session.delete(LINES, line.sys_id)
    _delete_options(session, line)


def _delete_options(session: Session, line: Record) -> None:
    for option in options_of(session, line):
        session.elevated.delete(OPTIONS, option.sys_id)
