"""Rules of the service catalog's rows, whichever API writes them: bounded carts, values that nobody reads."""

from mock_servicenow.now_platform.records.display import PASSWORD_MASK
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext

LINES = "sc_cart_item"
MOST_LINES = 50
"""How many lines a cart or a wish list may have (I)."""
FULL = "Cart is full"
MASKED = "25"
"""The type of a variable whose values nobody reads (Docs: masked)."""
_WRITES: frozenset[Operation] = frozenset({"insert", "update"})


def catalog_rules() -> list[BusinessRule]:
    """Return the rules of lines of carts and of values of variables."""
    return [
        BusinessRule("limit_cart", LINES, "before", _WRITES, _limit, given="cart"),
        BusinessRule("conceal_masked_value", "sc_item_option", "before", _WRITES, _conceal, given="value"),
    ]


def _limit(context: RuleContext) -> None:
    """Refuse a line more than a cart may have, as otherwise an order or a deletion of it could take any time."""
    if context.changed("cart"):
        of_cart = context.session.equal_query(LINES, [("cart", context.current["cart"])])
        if context.work.count(LINES, of_cart) >= MOST_LINES:
            context.abort(f"the cart has {MOST_LINES} lines, the most that it may have", FULL)


def _conceal(context: RuleContext) -> None:
    """Keep no value of a masked variable: on an instance only scripts decrypt it, and there are none."""
    variable = context.session.get("item_option_new", context.current["item_option_new"])
    if variable is not None and variable["type"] == MASKED:
        context.session.kernel.secrets.add(context.current["value"])  # no place tells that it is one
        context.current["value"] = PASSWORD_MASK
