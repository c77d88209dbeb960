"""The Service Catalog API: catalogs, categories, items and their variables, and orders (Docs: c_ServiceCatalogAPI)."""

from collections.abc import Iterable

from mock_servicenow.now_platform.dictionary.values import is_sys_id, json_text
from mock_servicenow.now_platform.errors import RecordNotFound
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query import as_operand
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest import catalog_ordering as ordering
from mock_servicenow.now_platform.rest.answers import bounded_records, value_answer
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.catalog_items import (
    GUIDES,
    ITEMS,
    PRODUCERS,
    VARIABLES,
    brief_items,
    check_active,
    full_item,
    given_variables,
    known_record,
    shown_values,
)
from mock_servicenow.now_platform.rest.endpoints import Endpoints, Taking
from mock_servicenow.now_platform.rest.formats import Document
from mock_servicenow.now_platform.rest.parameters import DEFAULT_LIMIT, PAGE, choice, page_bounds
from mock_servicenow.now_platform.rest.record_bodies import longest_body, read_object

CATALOGS, CATEGORIES = "sc_catalog", "sc_category"
MOST_CATALOGS = 100
MOST_CATEGORIES = 200
"""How many of them an answer shows (I)."""
_ACTIVE = "active=true"
_VIEW = "sysparm_view"
"""Documented; every view shows the same here."""
_TOP, _TYPE = "sysparm_top_level_only", "sysparm_type"
_PLACES = {"sysparm_catalog": "sc_catalogsLIKE", "sysparm_category": "category="}
_TYPES = {"": "", "record producer": PRODUCERS, "order guide": GUIDES}


class ServiceCatalogApi:
    """Answers calls on ``servicecatalog``."""

    def __init__(self, instance: Instance) -> None:
        self._endpoints = Endpoints(
            instance,
            {
                "catalogs": {"GET": Taking(_catalogs, {*PAGE, _VIEW, "sysparm_text"})},
                "catalogs/{sys_id}": {"GET": Taking(_catalog, {_VIEW})},
                "catalogs/{sys_id}/categories": {"GET": Taking(_categories, {*PAGE, _VIEW, _TOP})},
                "categories/{sys_id}": {"GET": Taking(_category, {_VIEW})},
                "items": {"GET": Taking(_items, {*PAGE, _VIEW, _TYPE, *_PLACES, "sysparm_text"})},
                "items/{sys_id}": {"GET": Taking(_item, {_VIEW})},
                "items/{sys_id}/add_to_cart": {"POST": ordering.add_to_cart},
                "items/{sys_id}/order_now": {"POST": ordering.order_now},
                "items/{sys_id}/submit_producer": {"POST": _submit_producer},
                "items/{sys_id}/submit_guide": {"PUT": ordering.submit_guide},
                "items/{sys_id}/checkout_guide": {"POST": ordering.check_out_guide},
                "items/{sys_id}/add_to_wishlist": {"POST": ordering.add_to_wish_list},
                "items/{sys_id}/delegation/{user}": {"GET": ordering.check_delegation},
                "items/{sys_id}/get_invalid_delegated_users": {"POST": ordering.list_invalid_users},
                "cart": {"GET": ordering.show_cart},
                "cart/{cart_item}": {"PUT": ordering.change_line, "DELETE": ordering.remove_line},
                "cart/{cart}/empty": {"DELETE": ordering.empty_cart},
                "cart/checkout": {"POST": ordering.check_out},
                "cart/submit_order": {"POST": ordering.submit_order},
                "cart/delivery_address/{user}": {"GET": ordering.delivery_address},
                "wishlist": {"GET": ordering.show_wish_list},
                "wishlist/{cart_item}": {"GET": ordering.show_wish_list_line},
                "variables/{sys_id}/display_value": {"POST": _display_value},
            },
        )

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call; raises PlatformError."""
        return self._endpoints.answer(call, call.resource[1:])


# Catalogs and categories


def _catalogs(call: Call, session: Session) -> Answer:
    limit, offset = page_bounds(call, MOST_CATALOGS, MOST_CATALOGS)
    text = as_operand(call.query.get("sysparm_text", "")).strip()
    query = f"{_ACTIVE}^titleLIKE{text}" if text else _ACTIVE
    found = bounded_records(session, CATALOGS, query, limit=limit, offset=offset)
    return value_answer(call, [_described(session, catalog) for catalog in found])


def _catalog(call: Call, session: Session, sys_id: str) -> Answer:
    catalog = known_record(session, CATALOGS, sys_id)
    categories = _top_categories(session, catalog)
    listed: list[Document] = [
        {"header_image": "", "sys_id": each.sys_id, "description": each["description"] or None, "title": each["title"]}
        for each in categories
    ]
    return value_answer(call, {**_described(session, catalog), "categories": listed})


def _described(session: Session, catalog: Record) -> dict[str, Document]:
    return {
        "title": catalog["title"],
        "sys_id": catalog.sys_id,
        "has_categories": bool(session.query(CATEGORIES, _categories_of(catalog), limit=1)),
        "has_items": bool(session.query(ITEMS, _items_of(catalog), limit=1)),
        "description": catalog["description"],
        "desktop_image": catalog["desktop_image"],
    }


def _categories_of(catalog: Record) -> str:
    return f"{_ACTIVE}^sc_catalog={catalog.sys_id}"


def _items_of(catalog: Record) -> str:
    return f"{_ACTIVE}^sc_catalogsLIKE{catalog.sys_id}"


def _top_categories(session: Session, catalog: Record) -> list[Record]:
    query = f"{_categories_of(catalog)}^parentISEMPTY^ORDERBYtitle"
    return bounded_records(session, CATEGORIES, query, limit=MOST_CATEGORIES)


def _categories(call: Call, session: Session, sys_id: str) -> Answer:
    catalog = known_record(session, CATALOGS, sys_id)
    limit, offset = page_bounds(call, MOST_CATEGORIES, MOST_CATEGORIES)
    top = "^parentISEMPTY" if choice(call, _TOP, ("false", "true")) == "true" else ""
    query = f"{_categories_of(catalog)}{top}^ORDERBYtitle"
    found = bounded_records(session, CATEGORIES, query, limit=limit, offset=offset)
    children = _children(session, found)
    return value_answer(
        call,
        [
            {
                **_text_and_images(each),
                "count": session.count(ITEMS, f"{_ACTIVE}^category={each.sys_id}"),
                "subcategories": _titles(children.get(each.sys_id, ())),
                "sys_id": each.sys_id,
            }
            for each in found
        ],
    )


def _category(call: Call, session: Session, sys_id: str) -> Answer:
    category = known_record(session, CATEGORIES, sys_id)
    children = _children(session, [category]).get(category.sys_id, [])
    grandchildren = _children(session, children)
    shown: list[Document] = [
        {
            "sys_id": child.sys_id,
            "title": child["title"],
            "count": session.count(ITEMS, f"{_ACTIVE}^category={child.sys_id}"),
            "parent": category.sys_id,
            "subcategories": _titles(grandchildren.get(child.sys_id, ())),
            "isParentCategory": child.sys_id in grandchildren,
        }
        for child in children
    ]
    return value_answer(call, {**_text_and_images(category), "sys_id": category.sys_id, "child_categories": shown})


def _text_and_images(category: Record) -> dict[str, Document]:
    return {
        "title": category["title"],
        "description": category["description"] or None,
        "full_description": category["full_description"] or None,
        "icon": category["icon"],
        "header_icon": category["header_icon"],
        "homepage_image": category["homepage_image"],
    }


def _children(session: Session, parents: list[Record]) -> dict[str, list[Record]]:
    """Return the active categories below each of the categories, by sys_id."""
    children: dict[str, list[Record]] = {}
    ids = ",".join(parent.sys_id for parent in parents)
    query = f"{_ACTIVE}^parentIN{ids}^ORDERBYtitle"
    for child in bounded_records(session, CATEGORIES, query, limit=MOST_CATEGORIES) if ids else ():
        children.setdefault(child["parent"], []).append(child)
    return children


def _titles(categories: Iterable[Record]) -> list[Document]:
    return [{"sys_id": each.sys_id, "title": each["title"]} for each in categories]


# Items


def _items(call: Call, session: Session) -> Answer:
    limit, offset = page_bounds(call, DEFAULT_LIMIT)
    terms = [_ACTIVE]
    for parameter, term in _PLACES.items():
        if wanted := call.query.get(parameter, ""):
            terms.append(f"{term}{wanted if is_sys_id(wanted) else '-'}")  # no item has '-'
    if table := _TYPES[choice(call, _TYPE, tuple(_TYPES))]:
        terms.append(f"sys_class_name={table}")
    if text := as_operand(call.query.get("sysparm_text", "").strip('"')).strip():
        terms.append(f"123TEXTQUERY321={text}")
    found = bounded_records(session, ITEMS, f"{'^'.join(terms)}^ORDERBYname", limit=limit, offset=offset)
    return value_answer(call, brief_items(session, found))


def _item(call: Call, session: Session, sys_id: str) -> Answer:
    return value_answer(call, full_item(session, known_record(session, ITEMS, sys_id)))


def _submit_producer(call: Call, session: Session, sys_id: str) -> Answer:
    """Create the record that a producer describes: each variable fills the column of its name."""
    producer = session.get(PRODUCERS, sys_id)
    if producer is None:
        raise RecordNotFound
    check_active(producer)
    table = producer["table_name"]
    session.check_reach(table)
    values = given_variables(call, session, producer, read_object(call, longest_body(session)))
    columns = session.dictionary.columns(table)
    filled = {each["name"]: value for each, value in values if each["name"] in columns}
    record = session.insert(table, filled)
    return value_answer(
        call,
        {
            "sys_id": record.sys_id,
            "number": record.values.get("number", ""),
            "parent_id": None,
            "record": f"api/now/table/{table}/{record.sys_id}",
            "redirect_portal_url": "",
            "parent_table": session.dictionary.root(table),
            "redirect_url": f"{table}.do?sys_id={record.sys_id}&sysparm_view={producer['view'] or 'ess'}",
            "table": table,
            "redirect_to": "",
        },
    )


def _display_value(call: Call, session: Session, sys_id: str) -> Answer:
    """Return what people read of a value of a variable."""
    variable = session.get(VARIABLES, sys_id)
    if variable is None:
        raise RecordNotFound
    value = json_text(read_object(call, longest_body(session)).get("sysparm_value", ""))
    return value_answer(call, shown_values(session, [(variable, value)])[0])
