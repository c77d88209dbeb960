"""The endpoints of the Service Catalog API that order: cart, wish list, guides, requests for others."""

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import BadRequest, RecordNotFound
from mock_servicenow.now_platform.records.intake import Intake
from mock_servicenow.now_platform.records.properties import Property
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest import cart_lines, wish_list
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
from mock_servicenow.now_platform.rules.catalog_rules import MOST_LINES

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
        cart_lines.add_line(session, current, each)
    return value_answer(call, cart.summary(session, current))


def _listed_items(call: Call, session: Session) -> list[dict[str, object]]:
    """Return the items that a body lists; raises BadRequest."""
    listed = read_object(call, longest_body(session)).get("items")
    items = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if not 0 < len(items) <= MOST_LINES or items != listed:
        raise BadRequest("Invalid items", f"Expected an array of 1 to {MOST_LINES} objects, each with a sys_id")
    return items


def _of_guide(call: Call, session: Session, body: dict[str, object]) -> Wanted:
    item = orderable(session, json_text(body.get("sys_id")))
    return _read_for_one(call, session, item, {"sysparm_quantity": "1", **body})


# What a body orders


def _read_order(call: Call, session: Session, item: Record, body: dict[str, object]) -> Wanted:
    """Return what a body orders of an item, whoever may receive it; raises BadRequest."""
    named = {"requested_for": json_text(body.get("sysparm_requested_for"))}
    receiver = Intake(session, REQUESTS).take(named, with_sys_id=False).get("requested_for", "")
    quantity, values = cart_lines.quantity_of(body), given_variables(call, session, item, body, receiver)
    return Wanted(item, quantity, values, receiver)


def _read_for_one(call: Call, session: Session, item: Record, body: dict[str, object]) -> Wanted:
    """Return what a body orders of an item for one receiver, who may receive it; raises BadRequest."""
    [wanted] = delegated.for_each_receiver(session, _read_order(call, session, item, body))
    return wanted


def _read_for_several(call: Call, session: Session, item: Record) -> list[Wanted]:
    """Return what the call's body orders of an item, once for each receiver; raises BadRequest."""
    body = read_object(call, longest_body(session))
    wanted = _read_order(call, session, item, body)
    return delegated.for_each_receiver(session, wanted, delegated.further_receivers(body))


# The cart


def show_cart(call: Call, session: Session) -> Answer:
    """Show the caller's cart."""
    return value_answer(call, cart.summary(session, cart.cart_of(session)))


def add_to_cart(call: Call, session: Session, sys_id: str) -> Answer:
    """Add an item, once for each user who gets it."""
    wanted = _read_for_several(call, session, orderable(session, sys_id))
    current = cart.cart_of(session)
    for each in wanted:
        cart_lines.add_line(session, current, each)
    return value_answer(call, cart.contents(session, current))


def change_line(call: Call, session: Session, cart_item: str) -> Answer:
    """Change the quantity of a line, and the values of its variables."""
    line = cart.line_of(session, cart_item)
    body = read_object(call, longest_body(session))
    cart_lines.change_line(session, line, _read_for_one(call, session, orderable(session, line["cat_item"]), body))
    return value_answer(call, cart.summary(session, cart.cart_of(session)), 201)


def remove_line(_call: Call, session: Session, cart_item: str) -> Answer:
    """Remove a line from the caller's cart."""
    cart_lines.remove_line(session, cart.line_of(session, cart_item))
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
    request = order(session, _read_for_several(call, session, orderable(session, sys_id)))
    return _ordered(call, request, {"sys_id": request.sys_id, "number": request["number"], "table": request.table})


def _ordered(call: Call, request: Record, further: dict[str, Document] | None = None) -> Answer:
    ordered: dict[str, Document] = {"request_number": request["number"], "request_id": request.sys_id}
    return value_answer(call, {**(further or {}), **ordered})


def delivery_address(call: Call, session: Session, user: str) -> Answer:
    """Show a user's address."""
    return value_answer(call, cart.address(session, known_record(session, "sys_user", user)))


# The wish list


def add_to_wish_list(call: Call, session: Session, sys_id: str) -> Answer:
    """Keep an item with what is known by now of its variables."""
    item, body = wishable(session, sys_id), read_object(call, longest_body(session))
    saved = wish_list.wish_list_of(session)
    wanted = Wanted(item, cart_lines.quantity_of(body, "1"), read_variables(call, session, item, body))
    wish_list.save(session, saved, wanted)
    return value_answer(call, wish_list.contents(session, saved))


def show_wish_list(call: Call, session: Session) -> Answer:
    """Show the caller's wish list."""
    return value_answer(call, wish_list.full_contents(session, wish_list.wish_list_of(session)))


def show_wish_list_line(call: Call, session: Session, cart_item: str) -> Answer:
    """Show a line of the caller's wish list."""
    shown = wish_list.find_line(session, wish_list.wish_list_of(session), cart_item)
    if shown is None:
        raise RecordNotFound
    return value_answer(call, shown)


# Requests for others


def check_delegation(call: Call, session: Session, sys_id: str, user: str) -> Answer:
    """Say whether an item may be requested for a user."""
    item = session.get(ITEMS, sys_id)
    return value_answer(call, {"result": item is not None and delegated.may_receive(session, item, user)})


def list_invalid_users(call: Call, session: Session, sys_id: str) -> Answer:
    """Name the users for whom an item may not be requested."""
    item = orderable(session, sys_id)
    users = delegated.further_receivers(read_object(call, longest_body(session)))
    if not delegated.is_for_several(session, item):
        code, message = delegated.NOT_FOR_SEVERAL
        return value_answer(call, {"errCode": code, "errMsg": message}, 400)
    return value_answer(call, {"invalidUsers": list[Document](delegated.refused_receivers(session, item, users))})
