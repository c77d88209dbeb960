"""Order guides: rules choose items by the values of the guide's variables (Docs: t_CreateARule)."""

import re
from collections.abc import Mapping

from mock_servicenow.now_platform.query import RecordChange, parse
from mock_servicenow.now_platform.query.syntax import Condition, Term
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import bounded_records
from mock_servicenow.now_platform.rest.call import Call
from mock_servicenow.now_platform.rest.catalog_items import (
    ITEMS,
    Values,
    full_item,
    given_variables,
    requested_for,
    requested_for_variable,
    variables,
)
from mock_servicenow.now_platform.rest.catalog_orders import OPTIONS
from mock_servicenow.now_platform.rest.delegated_requests import may_receive
from mock_servicenow.now_platform.rest.formats import Document

MOST_RULES, MOST_TERMS = 50, 200
"""How many rules of a guide count, as many as a cart has lines, and how many terms of their conditions (I)."""
_VARIABLE = re.compile(r"((?:^|\^)(?:OR|NQ)?)IO:(?=[0-9a-f]{32})")
_MARK = "variable"


def chosen_items(call: Call, session: Session, guide: Record, body: Mapping[str, object]) -> list[Document]:
    """Return the items that a guide's rules choose for a body's variables; raises BadRequest, as `given_variables`."""
    values = given_variables(call, session, guide, body)
    rules = bounded_records(session, "sc_cat_item_guide_items", f"guide={guide.sys_id}^ORDERBYorder", limit=MOST_RULES)
    answers = _Answers(call, session, values)
    met = [rule for rule in rules if answers.meet(rule["condition"])]
    items = session.get_many(ITEMS, {rule["item"] for rule in met})
    receiver = requested_for(session, values)
    return [
        _chosen(session, rule, items[rule["item"]], _cascaded(session, guide, items[rule["item"]], values))
        for rule in met
        if rule["item"] in items and _is_offered(session, items[rule["item"]], receiver)
    ]


def _is_offered(session: Session, item: Record, receiver: str) -> bool:
    return item["active"] == "true" and (not receiver or may_receive(session, item, receiver))


def _cascaded(session: Session, guide: Record, item: Record, values: Values) -> dict[str, str]:
    """Return the guide's values that an item takes over: those of its names, and always who gets it."""
    named = {each["name"]: value for each, value in values} if guide["cascade"] == "true" else {}
    receiving, receiver = requested_for_variable(variables(session, item)), requested_for(session, values)
    return {**named, receiving["name"]: receiver} if receiving is not None and receiver else named


def _chosen(session: Session, rule: Record, item: Record, given: Mapping[str, str]) -> Document:
    of_rule: dict[str, Document] = {
        "show_quantity": rule["show_quantity"] == "true",
        "quantity": rule["quantity"],
        "order": rule["order"],
    }
    return {**full_item(session, item, given), **of_rule}


class _Answers:
    """The values of a guide's variables, of which conditions such as ``IO:{sys_id}=yes^EQ`` ask."""

    def __init__(self, call: Call, session: Session, values: Values) -> None:
        self._call = call
        self._session = session
        self._values = {f"{_MARK}.{each.sys_id}": value for each, value in values}
        self._met: dict[str, bool] = {}

    def meet(self, condition: str) -> bool:
        """Return whether a condition is met; what cannot be evaluated is a finding, and not met."""
        groups = parse(_VARIABLE.sub(rf"\1{_MARK}.", condition)).groups
        return any(all(any(map(self._meets, block)) for block in group) for group in groups)

    def _meets(self, term: Term) -> bool:
        if term.text not in self._met and len(self._met) <= MOST_TERMS:
            enough = len(self._met) == MOST_TERMS
            met = None if enough else self._compared(term)
            if met is None:
                why = f"is one more than {MOST_TERMS} terms" if enough else "asks for no variable of it"
                shown = term.text.replace(f"{_MARK}.", "IO:")
                self._call.swallowed("condition-not-evaluated", f"'{shown}' in a rule of a guide {why}: not met")
            self._met[term.text] = bool(met)
        return self._met.get(term.text, False)

    def _compared(self, term: Term) -> bool | None:
        """Compare a value as that of a requested item's variable; None for what asks for no variable of the guide."""
        variable = ".".join(term.path) if isinstance(term, Condition) else ""
        if variable not in self._values:
            return None
        change = RecordChange(OPTIONS, {"value": self._values[variable]})
        return self._session.elevated.would_match(f"value{term.text.removeprefix(variable)}", change)
