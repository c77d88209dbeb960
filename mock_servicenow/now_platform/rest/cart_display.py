"""Lines of carts and wish lists as the Service Catalog API shows them, in three lengths."""

from collections.abc import Iterable

from mock_servicenow.now_platform.dictionary.values import amount
from mock_servicenow.now_platform.records.display_formats import currency
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.cart_lines import CartLine, options_of
from mock_servicenow.now_platform.rest.catalog_items import VARIABLES, frequency, price, shows_price
from mock_servicenow.now_platform.rest.formats import Document


def short_line(session: Session, line: CartLine) -> dict[str, Document]:
    """Return a line as the addition of an item to the cart shows it."""
    return {
        "catalog_item_id": line.item.sys_id,
        "quantity": line.record["quantity"],
        **_line_prices(session, line),
        "item_name": line.item["name"],
        "cart_item_id": line.record.sys_id,
    }


def line_with_variables(session: Session, line: CartLine) -> Document:
    """Return a line as the addition of an item to the wish list shows it."""
    delivered = session.display(line.item, "delivery_time")
    return {**short_line(session, line), "variables": _values(session, line), "delivery_time": delivered}


def whole_line(session: Session, line: CartLine) -> Document:
    """Return a line with everything that is known of it."""
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
        "recurring_subtotal_price": currency_sum([line], "recurring_price"),
        "subtotal": round(line.amount("price"), 2),
        "subtotal_price": currency_sum([line], "price"),
        "sys_class_name": item.table,
        "sys_id": record.sys_id,
        "variables": _values(session, line),
    }


def subtotals(lines: list[CartLine], label: str) -> dict[str, Document]:
    """Return what lines cost together, with the label of how often."""
    return {
        "subtotal_price": currency_sum(lines, "price"),
        "subtotal_recurring_frequency": label,
        "subtotal_recurring_price": currency_sum(lines, "recurring_price"),
        "show_subtotal_price": "true",
        "subtotal_title": "Subtotal",
        "total_title": "Total",
    }


def _line_prices(session: Session, line: CartLine) -> dict[str, Document]:
    once, again = (price(session, line.item, column) for column in ("price", "recurring_price"))
    label = frequency(session, line.item)
    shown: dict[str, Document] = {"price": once, "localized_price": once, "recurring_price": again}
    return {**shown, "localized_recurring_price": again, "recurring_frequency": label}


def currency_sum(lines: Iterable[CartLine], column: str) -> str:
    """Return what lines cost together, as people read it."""
    return currency(f"USD;{sum(line.amount(column) for line in lines):.2f}")


def _values(session: Session, line: CartLine) -> dict[str, Document]:
    """Return the values of a line's variables by the variables' labels."""
    options = options_of(session, line.record)
    known = session.get_many(VARIABLES, {option["item_option_new"] for option in options})
    return {
        known[option["item_option_new"]]["question_text"]: option["value"]
        for option in options
        if option["item_option_new"] in known
    }
