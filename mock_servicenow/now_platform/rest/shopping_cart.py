"""The user's cart of the service catalog, and its order (Docs: c_ServiceCatalogAPI)."""

from itertools import chain

from mock_servicenow.now_platform.errors import BadRequest
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.cart_display import currency_sum, short_line, subtotals, whole_line
from mock_servicenow.now_platform.rest.cart_lines import (
    CARTS,
    CartLine,
    check_size,
    checked_quantity,
    lines_of,
    options_of,
    own_cart,
    remove_line,
)
from mock_servicenow.now_platform.rest.catalog_items import check_filled, frequency, orderable, requested_for, variables
from mock_servicenow.now_platform.rest.catalog_orders import OPTIONS, Ordered, request
from mock_servicenow.now_platform.rest.delegated_requests import check_receivers
from mock_servicenow.now_platform.rest.formats import Document
from mock_servicenow.now_platform.rules.catalog_rules import LINES, MOST_LINES

_NAME = "DEFAULT"
_FREQUENCIES = ("none", "daily", "monthly", "yearly")


def cart_of(session: Session) -> Record:
    """Return the user's cart, which begins to exist when it is asked for."""
    return own_cart(session, _NAME)


def filled_cart_of(session: Session) -> Record:
    """Return the user's cart; raises BadRequest if it is empty."""
    cart = cart_of(session)
    if not lines_of(session, cart):
        raise BadRequest("Cart is empty", "There is nothing to check out")
    return cart


def line_of(session: Session, sys_id: str) -> Record:
    """Return a line of the user's own cart; raises BadRequest, as documented, for any other."""
    line = session.get(LINES, sys_id)
    if line is None or line["cart"] != cart_of(session).sys_id:
        raise BadRequest("Invalid cart item", f"'{sys_id}' is not in the cart of the user")
    return line


def empty(session: Session, sys_id: str) -> None:
    """Delete a cart with all its lines; raises BadRequest, as documented, for one that the user may not empty."""
    cart = session.get(CARTS, sys_id)
    if cart is None:
        raise BadRequest("Invalid cartId", f"'{sys_id}' is no cart that the user may empty")
    while lines := session.query(LINES, f"cart={cart.sys_id}", limit=MOST_LINES):
        for line in lines:
            remove_line(session, line)
    session.delete(CARTS, cart.sys_id)


def contents(session: Session, cart: Record) -> Document:
    """Return a cart as the addition of an item shows it."""
    lines = lines_of(session, cart)
    items: list[Document] = [short_line(session, line) for line in lines]
    return {"cart_id": cart.sys_id, "subtotal": currency_sum(lines, "price"), "items": items}


def summary(session: Session, cart: Record) -> dict[str, Document]:
    """Return a cart with its lines by the frequency of what they cost again and again."""
    lines = lines_of(session, cart)
    shown = {"cart_id": cart.sys_id, **subtotals(lines, "")}
    for name in _FREQUENCIES:
        some = [line for line in lines if (line.item["recurring_frequency"] or "none") == name]
        if some:
            label = frequency(session, some[0].item)
            items = [whole_line(session, line) for line in some]
            shown[name] = {**subtotals(some, label or ""), "frequency_label": label, "items": items}
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


def submit(session: Session, cart: Record) -> Record:
    """Order what is in a cart, empty it, and return the request; raises BadRequest as for an order of each line."""
    check_size(session, cart)
    system, lines = session.elevated, lines_of(session, cart)
    ordered = [_checked(session, line) for line in lines]
    made = request(session, cart["requested_for"], ordered, sum(line.amount("price") for line in lines))
    for option in chain.from_iterable(each.options for each in ordered):
        system.update(OPTIONS, option.sys_id, {"cart_item": ""})
    for line in lines:
        remove_line(session, line.record)
    session.update(CARTS, cart.sys_id, {"requested_for": "", "special_instructions": ""})
    return made


def _checked(session: Session, line: CartLine) -> Ordered:
    """Return what a line orders; the Table API writes lines, too, and items change after lines."""
    item, quantity = orderable(session, line.item.sys_id), checked_quantity(line.record["quantity"])
    known, options = variables(session, item), options_of(session, line.record)
    given = {option["item_option_new"]: option for option in options}
    values = [(each, given[each.sys_id]["value"] if each.sys_id in given else "") for each in known]
    check_filled(values)
    receiver = requested_for(session, values)
    check_receivers(session, item, [receiver] if receiver else [])
    kept = [given[each.sys_id] for each in known if each.sys_id in given]
    return Ordered(item, str(quantity), kept, receiver, line.record["order_guide"])
