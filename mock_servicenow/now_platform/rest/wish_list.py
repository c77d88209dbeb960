"""The user's wish list of the service catalog (Docs: catalog-items-wishlist)."""

from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.cart_display import line_with_variables, whole_line
from mock_servicenow.now_platform.rest.cart_lines import add_line, change_line, lines_of, own_cart
from mock_servicenow.now_platform.rest.catalog_orders import Wanted
from mock_servicenow.now_platform.rest.formats import Document
from mock_servicenow.now_platform.rules.catalog_rules import LINES

_NAME = "saved_items"


def wish_list_of(session: Session) -> Record:
    """Return the user's wish list, which begins to exist when it is asked for."""
    return own_cart(session, _NAME)


def save(session: Session, wish_list: Record, wanted: Wanted) -> None:
    """Add an item, or change the line that has it already; raises BadRequest if the list is full."""
    known = session.find(LINES, cart=wish_list.sys_id, cat_item=wanted.item.sys_id)
    if known is None:
        add_line(session, wish_list, wanted)
    else:
        change_line(session, known, wanted)


def contents(session: Session, wish_list: Record) -> Document:
    """Return a wish list as the addition of an item shows it."""
    lines = lines_of(session, wish_list)
    return {"cart_id": wish_list.sys_id, "items": [line_with_variables(session, line) for line in lines]}


def full_contents(session: Session, wish_list: Record) -> Document:
    """Return a wish list with everything that is known of its lines."""
    lines = lines_of(session, wish_list)
    return {"cart_id": wish_list.sys_id, "items": [whole_line(session, line) for line in lines]}


def find_line(session: Session, wish_list: Record, sys_id: str) -> Document | None:
    """Return a line of a wish list; None for any other."""
    found = (line for line in lines_of(session, wish_list) if line.record.sys_id == sys_id)
    return next((line_with_variables(session, line) for line in found), None)
