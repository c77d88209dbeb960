"""Items of the service catalog and their variables, as the Service Catalog API shows and reads them."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from mock_servicenow.now_platform.dictionary.values import json_text, whole_number
from mock_servicenow.now_platform.errors import BadRequest
from mock_servicenow.now_platform.records.display import PASSWORD_MASK
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import bounded_records
from mock_servicenow.now_platform.rest.call import Call
from mock_servicenow.now_platform.rest.formats import Document
from mock_servicenow.now_platform.rules.catalog_rules import MASKED
from privman_core.findings import MOST_FINDINGS

ITEMS, PRODUCERS, GUIDES = "sc_cat_item", "sc_cat_item_producer", "sc_cat_item_guide"
VARIABLES, CHOICES = "item_option_new", "question_choice"
MOST_VARIABLES = 200
"""How many variables of an item count, and choices of a variable (I)."""
_KINDS = {PRODUCERS: "record_producer", GUIDES: "order_guide"}
_KIND = "catalog_item"
_CHECK_BOX, _REQUESTED_FOR = "7", "31"
_NOTHING: Mapping[str, str] = {}
_FREE = "USD;0.00"
Values = list[tuple[Record, str]]
"""Variables with the values that an order gives them."""


class Variable(NamedTuple):
    """A variable with its choices, each with label and value."""

    record: Record
    choices: list[dict[str, str]]


def known_record(session: Session, table: str, sys_id: str) -> Record:
    """Return a record; raises BadRequest, as documented, where there is none or the user may not see it."""
    record = session.get(table, sys_id)
    if record is None:
        raise BadRequest(f"Invalid sys_id '{sys_id}'", f"There is no {table} with this sys_id, or it may not be read")
    return record


def orderable(session: Session, sys_id: str) -> Record:
    """Return an item that the user may order; raises BadRequest with the documented words."""
    item = session.get(ITEMS, sys_id)
    if item is None or _kind(session, item) != _KIND:
        raise _not_orderable(sys_id)
    check_active(item)
    return item


def wishable(session: Session, sys_id: str) -> Record:
    """Return an item or a record producer; an order guide raises BadRequest, as what may not be ordered does."""
    item = session.get(ITEMS, sys_id)
    if item is None or _kind(session, item) == _KINDS[GUIDES]:
        raise _not_orderable(sys_id)
    check_active(item)
    return item


def active_guide(session: Session, sys_id: str) -> Record:
    """Return an order guide; raises BadRequest, as `orderable` does."""
    guide = session.get(GUIDES, sys_id)
    if guide is None:
        raise _not_orderable(sys_id)
    check_active(guide)
    return guide


def check_active(item: Record) -> None:
    """Raise BadRequest, as `orderable` does, unless an item or a producer is active."""
    if item["active"] != "true":
        raise _not_orderable(item.sys_id)


def _not_orderable(sys_id: str) -> BadRequest:
    return BadRequest("Security constraints prevent ordering of Item", f"'{sys_id}' is no item that may be ordered")


def brief_items(session: Session, items: list[Record]) -> list[Document]:
    """Return items as a list shows them."""
    titles = _titles(session, items)
    return [_brief(session, item, titles) for item in items]


def full_item(session: Session, item: Record, given: Mapping[str, str] = _NOTHING) -> dict[str, Document]:
    """Return an item with its categories and variables; scripts are none.

    Variables show the given values, by name, or else their defaults.
    """
    shown = variables_of(session, variables(session, item))
    category = session.get("sc_category", item["category"])
    parent = None if category is None else session.get("sc_category", category["parent"])
    return {
        **_brief(session, item, _titles(session, [item])),
        "availability": item["availability"],
        "mandatory_attachment": item["mandatory_attachment"] == "true",
        "request_method": item["request_method"],
        "categories": [] if category is None else [_placed(category, parent)],
        "variables": [_shown(session, each, given.get(each.record["name"])) for each in shown],
        "ui_policy": [],
        "client_script": {"onChange": [], "onSubmit": [], "onLoad": []},
        "data_lookup": [],
    }


def _brief(session: Session, item: Record, titles: Mapping[str, str]) -> dict[str, Document]:
    catalogs: list[Document] = [
        {"sys_id": each, "title": titles[each]} for each in item["sc_catalogs"].split(",") if each in titles
    ]
    category = item["category"]
    return {
        "short_description": item["short_description"] or None,
        "kb_article": "",
        "icon": item["icon"],
        "description": item["description"],
        **_prices(session, item),
        "type": _kind(session, item),
        "show_quantity": item["no_quantity"] != "true",
        "sys_class_name": item.table,
        "picture": item["picture"],
        "url": "",
        "sys_id": item.sys_id,
        "content_type": "",
        "catalogs": catalogs,
        "name": item["name"],
        "category": {"sys_id": category, "title": titles.get(category, "")},
        "order": whole_number(item["order"]),
    }


def _prices(session: Session, item: Record) -> dict[str, Document]:
    if not shows_price(session, item):
        return {"show_price": False}
    shown: dict[str, Document] = {"show_price": True, "recurring_frequency": frequency(session, item)}
    for name in ("price", "recurring_price"):
        shown[name] = shown[f"localized_{name}"] = price(session, item, name)
        shown[f"{name}_currency"] = (item[name] or _FREE).partition(";")[0]
    return {**shown, "local_currency": shown["price_currency"]}


def frequency(session: Session, item: Record) -> str | None:
    """Return how often an item costs its recurring price, as people read it; None if it has none."""
    return session.display(item, "recurring_frequency") or None


def _kind(session: Session, item: Record) -> str:
    classes = session.dictionary.lineage(item.table)
    return next((kind for table, kind in _KINDS.items() if table in classes), _KIND)


def shows_price(session: Session, item: Record) -> bool:
    """Return whether an item has a price that people see."""
    return _kind(session, item) == _KIND and item["omit_price"] != "true"


def price(session: Session, item: Record, column: str) -> str:
    """Return a price of an item as people read it."""
    return session.display(item, column) or "$0.00"


def _titles(session: Session, items: list[Record]) -> dict[str, str]:
    """Return the titles of the catalogs and categories of items, by sys_id."""
    catalogs = {each for item in items for each in item["sc_catalogs"].split(",") if each}
    found = session.get_many("sc_catalog", catalogs)
    found |= session.get_many("sc_category", {item["category"] for item in items if item["category"]})
    return {sys_id: record["title"] for sys_id, record in found.items()}


def _placed(category: Record, parent: Record | None) -> Document:
    above = category if parent is None else parent
    return {
        "sys_id": above.sys_id,
        "active": above["active"] == "true",
        "category": {"sys_id": category.sys_id, "active": category["active"] == "true", "title": category["title"]},
        "title": above["title"],
    }


def variables(session: Session, item: Record) -> list[Record]:
    """Return the active variables of an item, in order."""
    query = f"active=true^cat_item={item.sys_id}^ORDERBYorder"
    return bounded_records(session, VARIABLES, query, limit=MOST_VARIABLES)


def shown_values(session: Session, values: Values) -> list[str]:
    """Return what people read of values: a reference's display value, a choice's label, asterisks, or the value."""
    labels = {
        (each.record.sys_id, choice["value"]): choice["label"]
        for each in variables_of(session, list({variable.sys_id: variable for variable, _ in values}.values()))
        for choice in each.choices
    }
    tables = {variable["reference"] for variable, _ in values if _refers(session, variable["reference"])}
    names = {
        (table, sys_id): session.display(record, session.dictionary.display_column(table))
        for table in tables
        for sys_id, record in session.get_many(
            table, {value for variable, value in values if variable["reference"] == table}
        ).items()
    }
    return [
        names.get((variable["reference"], value), "")
        if variable["reference"] in tables
        else labels.get((variable.sys_id, value), _masked(variable, value))
        for variable, value in values
    ]


def _masked(variable: Record, value: str) -> str:
    return PASSWORD_MASK if value and variable["type"] == MASKED else value


def _refers(session: Session, table: str) -> bool:
    return session.dictionary.table(table) is not None and session.sight.serves(table)


def variables_of(session: Session, records: list[Record]) -> list[Variable]:
    """Return variables with their choices."""
    choices: dict[str, list[dict[str, str]]] = {}
    ids = ",".join(each.sys_id for each in records)
    query = f"questionIN{ids}^ORDERBYorder"
    for choice in bounded_records(session, CHOICES, query, limit=MOST_VARIABLES) if ids else ():
        choices.setdefault(choice["question"], []).append({"label": choice["text"], "value": choice["value"]})
    return [Variable(each, choices.get(each.sys_id, [])) for each in records]


def _shown(session: Session, variable: Variable, given: str | None) -> Document:
    record, choices = variable
    kind = session.display(record, "type")
    value = record["default_value"] if given is None else given
    shown = next((each["label"] for each in choices if each["value"] == value), _masked(record, value))
    ticked = value == "true" if record["type"] == _CHECK_BOX else None
    return {
        "active": True,
        "label": record["question_text"],
        "name": record["name"],
        "id": record.sys_id,
        "attributes": "",
        "type": whole_number(record["type"]),
        "display_type": kind,
        "friendly_type": "_".join(re.findall(r"\w+", kind.lower())),
        "reference": record["reference"],
        "mandatory": record["mandatory"] == "true",
        "read_only": record["read_only"] == "true",
        "render_label": True,
        "help_text": record["help_text"],
        "max_length": whole_number(record["max_length"]),
        "order": whole_number(record["order"]),
        "value": value if ticked is None else ticked,
        "displayvalue": shown if ticked is None else json_text(ticked),
        "choices": list[Document](choices),
    }


def given_variables(
    call: Call, session: Session, item: Record, body: Mapping[str, object], receiver: str = ""
) -> Values:
    """Return what a body's variables give those of an item, defaults included.

    A variable Requested For is the receiver by default, or else the caller.

    Raises BadRequest, with the documented words, where a mandatory one stays empty.
    """
    filled = read_variables(call, session, item, body, receiver)
    check_filled(filled)
    return filled


def read_variables(
    call: Call, session: Session, item: Record, body: Mapping[str, object], receiver: str = ""
) -> Values:
    """Return the same as `given_variables`, whether mandatory ones have values or not."""
    given = body.get("variables")
    values = given if isinstance(given, dict) else {}
    known = variables(session, item)
    for name in sorted(values.keys() - {each["name"] for each in known})[: MOST_FINDINGS + 1]:
        call.swallowed("variable-ignored", f"'{item['name']}' has no variable '{name}': ignored", name)
    usual = {each.sys_id: each["default_value"] for each in known}
    if (receiving := requested_for_variable(known)) is not None:
        usual[receiving.sys_id] = receiver or receiving["default_value"] or session.user.sys_id
    return [(each, json_text(values.get(each["name"], usual[each.sys_id]))) for each in known]


def requested_for_variable(known: list[Record]) -> Record | None:
    """Return the variable of an item whose value is the user who gets it; None if it has none."""
    return next((each for each in known if each["type"] == _REQUESTED_FOR), None)


def requested_for(session: Session, values: Values) -> str:
    """Return the sys_id of the user who gets an item by its variable; empty without one, or if they may not be read."""
    named = {each["type"]: value for each, value in values}.get(_REQUESTED_FOR, "")
    return named if named and session.get("sys_user", named) is not None else ""


def check_filled(filled: Values) -> None:
    """Raise BadRequest, with the documented words, if a mandatory variable has no value."""
    missing = ", ".join(each["name"] for each, value in filled if each["mandatory"] == "true" and not value)
    if missing:
        raise BadRequest("Mandatory Variables are required", f"These have no value: {missing}")
