"""The endpoints of the Service Catalog API that order: cart, wish list, guides, requests for others."""

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import BadRequest, RecordNotFound
from mock_servicenow.now_platform.records.intake import Intake
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest import delegated_requests as delegated
from mock_servicenow.now_platform.rest import shopping_cart as cart
from mock_servicenow.now_platform.rest.answers import value_answer
from mock_servicenow.now_platform.rest.call import Answer, Call
from mock_servicenow.now_platform.rest.catalog_items import (
    ITEMS,
    active_guide,
    given_variables,
    known_record,
    orderable,
    read_variables,
    wishable,
)
from mock_servicenow.now_platform.rest.catalog_orders import REQUESTS, Wanted, order
from mock_servicenow.now_platform.rest.formats import Document
from mock_servicenow.now_platform.rest.order_guides import chosen_items
from mock_servicenow.now_platform.rest.record_bodies import longest_body, read_object

_TWO_STEPS = Property("glide.sc.checkout.twostep")


# Order guides


def submit_guide(call: Call, session: Session, sys_id: str) -> Answer:
    """Show the items that a guide chooses for the values of its variables."""
    guide = active_guide(session, sys_id)
    return value_answer(call, chosen_items(call, session, guide, read_object(call, longest_body(session))))


def check_out_guide(call: Call, session: Session, sys_id: str) -> Answer:
    """Order the items of a two-step guide at once, whatever is in the cart; put others into the cart."""
    guide = active_guide(session, sys_id)
    wanted = [_of_guide(call, session, each)._replace(guide=guide.sys_id) for each in _listed_items(call, session)]
    if guide["two_step"] == "true":
        return _ordered(call, order(session, wanted))
    current = cart.cart_of(session)
    for each in wanted:
        cart.add(session, current, each)
    return value_answer(call, cart.summary(session, current))


def _listed_items(call: Call, session: Session) -> list[dict[str, object]]:
    """Return the items that a body lists; raises BadRequest."""
    listed = read_object(call, longest_body(session)).get("items")
    items = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if not 0 < len(items) <= cart.MOST_LINES or items != listed:
        raise BadRequest("Invalid items", f"Expected an array of 1 to {cart.MOST_LINES} objects, each with a sys_id")
    return items


def _of_guide(call: Call, session: Session, body: dict[str, object]) -> Wanted:
    item = orderable(session, json_text(body.get("sys_id")))
    return _wanted(call, session, item, {"sysparm_quantity": "1", **body})


# The cart and the wish list


def show_cart(call: Call, session: Session) -> Answer:
    """Show the caller's cart."""
    return value_answer(call, cart.summary(session, cart.cart_of(session)))


def _wanted(call: Call, session: Session, item: Record, body: dict[str, object]) -> Wanted:
    """Return what a body orders of an item; raises BadRequest."""
    named = {"requested_for": json_text(body.get("sysparm_requested_for"))}
    receiver = Intake(session, REQUESTS).take(named, with_sys_id=False).get("requested_for", "")
    quantity, values = cart.quantity_of(body), given_variables(call, session, item, body, receiver)
    [wanted] = delegated.for_each(session, Wanted(item, quantity, values, receiver), {})
    return wanted


def _asked(call: Call, session: Session, item: Record) -> list[Wanted]:
    """Return what a body orders of an item, for each user who gets it; raises BadRequest."""
    body = read_object(call, longest_body(session))
    return delegated.for_each(session, _wanted(call, session, item, body), body)


def add_to_cart(call: Call, session: Session, sys_id: str) -> Answer:
    """Add an item, once for each user who gets it."""
    wanted = _asked(call, session, orderable(session, sys_id))
    current = cart.cart_of(session)
    for each in wanted:
        cart.add(session, current, each)
    return value_answer(call, cart.contents(session, current))


def change_line(call: Call, session: Session, cart_item: str) -> Answer:
    """Change the quantity of a line, and the values of its variables."""
    line = cart.line_of(session, cart_item)
    body = read_object(call, longest_body(session))
    cart.change(session, line, _wanted(call, session, orderable(session, line["cat_item"]), body))
    return value_answer(call, cart.summary(session, cart.cart_of(session)), 201)


def remove_line(_call: Call, session: Session, cart_item: str) -> Answer:
    """Remove a line from the caller's cart."""
    cart.remove(session, cart.line_of(session, cart_item))
    return Answer(204)


def empty_cart(_call: Call, session: Session, sys_id: str) -> Answer:
    """Delete a cart that the caller may delete, with its lines."""
    cart.empty(session, sys_id)
    return Answer(204)


def check_out(call: Call, session: Session) -> Answer:
    """Order what is in the cart, or show it first where a checkout has two steps."""
    current = cart.filled_cart_of(session)
    if session.is_on(_TWO_STEPS):
        return value_answer(call, cart.summary(session, current) | cart.delivery(session, current))
    return submit_order(call, session)


def submit_order(call: Call, session: Session) -> Answer:
    """Order what is in the cart."""
    return _ordered(call, cart.submit(session, cart.filled_cart_of(session)))


def order_now(call: Call, session: Session, sys_id: str) -> Answer:
    """Order an item at once, for each user who gets it."""
    request = order(session, _asked(call, session, orderable(session, sys_id)))
    return _ordered(call, request, {"sys_id": request.sys_id, "number": request["number"], "table": request.table})


def _ordered(call: Call, request: Record, further: dict[str, Document] | None = None) -> Answer:
    ordered: dict[str, Document] = {"request_number": request["number"], "request_id": request.sys_id}
    return value_answer(call, {**(further or {}), **ordered})


def delivery_address(call: Call, session: Session, user: str) -> Answer:
    """Show a user's address."""
    return value_answer(call, cart.address(session, known_record(session, "sys_user", user)))


def add_to_wish_list(call: Call, session: Session, sys_id: str) -> Answer:
    """Keep an item with what is known by now of its variables."""
    item, body = wishable(session, sys_id), read_object(call, longest_body(session))
    wish_list = cart.wish_list_of(session)
    wanted = Wanted(item, cart.quantity_of(body, "1"), read_variables(call, session, item, body))
    cart.wish(session, wish_list, wanted)
    return value_answer(call, cart.wishes(session, wish_list))


def show_wish_list(call: Call, session: Session) -> Answer:
    """Show the caller's wish list."""
    return value_answer(call, cart.full_wishes(session, cart.wish_list_of(session)))


def show_wish(call: Call, session: Session, cart_item: str) -> Answer:
    """Show a line of the caller's wish list."""
    shown = cart.one_wish(session, cart.wish_list_of(session), cart_item)
    if shown is None:
        raise RecordNotFound
    return value_answer(call, shown)


# Requests for others


def may_get(call: Call, session: Session, sys_id: str, user: str) -> Answer:
    """Say whether an item may be requested for a user."""
    item = session.get(ITEMS, sys_id)
    return value_answer(call, {"result": item is not None and delegated.may_get(session, item, user)})


def invalid_users(call: Call, session: Session, sys_id: str) -> Answer:
    """Name the users for whom an item may not be requested."""
    item = orderable(session, sys_id)
    users = delegated.named_users(read_object(call, longest_body(session)))
    if not delegated.is_for_several(session, item):
        code, message = delegated.NOT_FOR_SEVERAL
        return value_answer(call, {"errCode": code, "errMsg": message}, 400)
    return value_answer(call, {"invalidUsers": list[Document](delegated.without_right(session, item, users))})
