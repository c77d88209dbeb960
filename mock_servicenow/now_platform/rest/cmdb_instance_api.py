"""The CMDB Instance API: configuration items with their relations (Docs: cmdb-instance-api)."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from mock_servicenow.now_platform.dictionary.values import json_text
from mock_servicenow.now_platform.errors import BadRequest, ExecutionFailed, InvalidTable, RecordNotFound
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.records.rows import Record, Values
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.answers import RowRange, bounded_records, list_answer, page_parts, value_answer
from mock_servicenow.now_platform.rest.call import Answer, Call, Steps
from mock_servicenow.now_platform.rest.endpoints import Endpoints, Taking, check_role
from mock_servicenow.now_platform.rest.formats import Document, Result
from mock_servicenow.now_platform.rest.parameters import NOTHING_ASKED, asked_query, first_of, read_parameters
from mock_servicenow.now_platform.rest.record_bodies import longest_body, read_object
from mock_servicenow.now_platform.rest.shapes import Shapes, shown_fields

ITEMS, RELATIONS, TYPES = "cmdb_ci", "cmdb_rel_ci", "cmdb_rel_type"
MOST_RELATIONS = 1_000
"""How many relations of a direction an answer shows, and a body may add (I)."""
_ROLE = "itil"
_WITH_LABELS = replace(NOTHING_ASKED, display="all")


class _Direction(NamedTuple):
    """A direction of relations: its name, and the columns with this item and with the other."""

    name: str
    here: str
    there: str


_DIRECTIONS = (_Direction("outbound_relations", "parent", "child"), _Direction("inbound_relations", "child", "parent"))


class CmdbInstanceApi:
    """Lists, reads, creates and changes configuration items, and relates them."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._endpoints = Endpoints(
            instance,
            {
                "instance/{class}": {"GET": Taking(self._list, None), "POST": _create},
                "instance/{class}/{sys_id}": {"GET": _get, "PUT": _update, "PATCH": _update},
                "instance/{class}/{sys_id}/relation": {"POST": _relate},
                "instance/{class}/{sys_id}/relation/{relation}": {"DELETE": _unrelate},
            },
        )

    def answer(self, call: Call) -> Answer | Steps:
        """Answer a call on ``cmdb/instance``; raises PlatformError."""
        return self._endpoints.answer(call, call.resource[1:])

    def _list(self, call: Call, session: Session, table: str) -> Answer:
        _check_class(session, table)
        parameters = read_parameters(call, listing=True)
        query = asked_query(session, table, parameters.query, parameters.filters)
        page = RowRange(table, query, parameters.limit, parameters.offset)

        def show(session: Session, rows: list[Values]) -> list[Result]:
            records = [session.record(table, row) for row in rows]
            return [{"sys_id": record.sys_id, "name": record["name"]} for record in records]

        return list_answer(call, *page_parts(call, self._instance, session, page, page.beginning(session), show))


def _get(call: Call, session: Session, table: str, sys_id: str) -> Answer:
    return _shown(call, session, table, _item(session, table, sys_id))


def _create(call: Call, session: Session, table: str) -> Answer:
    _check_class(session, table)
    body = read_object(call, longest_body(session))
    attributes = _attributes(body)
    table = attributes.pop("sys_class_name", "") or table
    _check_class(session, table)
    found = {
        "discovery_source": _source(session, body),
        "first_discovered": session.now,
        "last_discovered": session.now,
    }
    item = session.insert(table, found | attributes)
    depends_on = body.get("depends_on")
    _add_relations(call, session, item.sys_id, body, depends_on if isinstance(depends_on, dict) else {})
    return _shown(call, session, table, item)


def _update(call: Call, session: Session, table: str, sys_id: str) -> Answer:
    _check_class(session, table)
    body = read_object(call, longest_body(session))
    values = _discovered(session, body) | _attributes(body)
    return _shown(call, session, table, session.update(table, sys_id, values))


def _relate(call: Call, session: Session, table: str, sys_id: str) -> Answer:
    item = _item(session, table, sys_id)
    body = read_object(call, longest_body(session))
    if "source" in body:  # documented as required, but itsm's targets go without
        _source(session, body)
    _add_relations(call, session, item.sys_id, body)
    return _shown(call, session, table, item)


def _unrelate(_call: Call, session: Session, table: str, sys_id: str, relation: str) -> Answer:
    item = _item(session, table, sys_id)
    found = session.get(RELATIONS, relation)
    if found is None or item.sys_id not in {found["parent"], found["child"]}:
        raise RecordNotFound
    session.delete(RELATIONS, relation)
    return Answer()


def _check_class(session: Session, table: str) -> None:
    """Raise PlatformError unless the user may use the API and it has the class."""
    check_role(session, _ROLE)
    session.check_reach(table)
    if session.dictionary.root(table) != ITEMS:
        raise InvalidTable(table)


def _item(session: Session, table: str, sys_id: str) -> Record:
    _check_class(session, table)
    item = session.get(table, sys_id)
    if item is None:
        raise RecordNotFound
    return item


def _attributes(body: Mapping[str, object]) -> dict[str, str]:
    attributes = body.get("attributes", {})
    if not isinstance(attributes, dict):
        raise BadRequest("Invalid attributes", "attributes is no object")
    return {name: json_text(value) for name, value in attributes.items()}


def _discovered(session: Session, body: Mapping[str, object]) -> dict[str, str]:
    return {"discovery_source": _source(session, body), "last_discovered": session.now}


def _source(session: Session, body: Mapping[str, object]) -> str:
    """Return the source that a write names; raises BadRequest unless it is a choice of discovery_source."""
    source = body.get("source")
    choices = [choice.value for choice in session.dictionary.columns(ITEMS)["discovery_source"].choices]
    if source not in choices:
        given = f"source is '{source}'" if isinstance(source, str) else "source is missing"
        raise BadRequest("Invalid source", f"{given}; expected a choice of discovery_source: {', '.join(choices)}")
    return str(source)


def _add_relations(call: Call, session: Session, sys_id: str, *bodies: Mapping[str, object]) -> None:
    """Add the relations that bodies name, at most `MOST_RELATIONS`; raises RecordNotFound."""
    every = [
        (direction, target, kind)
        for body in bodies
        for direction in _DIRECTIONS
        for target, kind in _asked_relations(body.get(direction.name))
    ]
    asked = first_of(call, "relations", every, MOST_RELATIONS)
    items = session.get_many(ITEMS, {target for _, target, _ in asked})
    types = session.get_many(TYPES, {kind for _, _, kind in asked})
    for direction, target, kind in asked:
        if target not in items or kind not in types:
            raise RecordNotFound
        session.insert(RELATIONS, {direction.here: sys_id, direction.there: target, "type": kind})


def _asked_relations(given: object) -> Iterator[tuple[str, str]]:
    """Yield target and type of each relation in a body; raises ExecutionFailed, as documented, for one without."""
    relations = given if isinstance(given, list) else [given] if given else []
    for relation in relations:
        target, kind = (relation.get(name) if isinstance(relation, dict) else None for name in ("target", "type"))
        if not isinstance(target, str) or not isinstance(kind, str):
            raise ExecutionFailed
        yield target, kind


def _shown(call: Call, session: Session, table: str, item: Record) -> Answer:
    shapes = Shapes(session, call, _WITH_LABELS, shown_fields(session, call, _WITH_LABELS, table))
    cells = shapes.results([item])[0]
    result: dict[str, Document] = {
        "attributes": {
            name: cell if isinstance(cell, str) or "link" in cell else cell["value"] for name, cell in cells.items()
        }
    }
    result |= {direction.name: _relations(call, session, item, direction) for direction in _DIRECTIONS}
    return value_answer(call, result)


def _relations(call: Call, session: Session, item: Record, direction: _Direction) -> list[Document]:
    query = session.accept(RELATIONS, session.equal_query(RELATIONS, [(direction.here, item.sys_id)]))
    records = bounded_records(session, RELATIONS, query, limit=MOST_RELATIONS)
    session.displays.prefetch(records, [("type",), (direction.there,)])
    return [
        {
            "sys_id": record.sys_id,
            "type": _reference(call, session, record, "type", f"table/{TYPES}"),
            "target": _reference(call, session, record, direction.there, f"cmdb/instance/{ITEMS}"),
        }
        for record in records
    ]


def _reference(call: Call, session: Session, record: Record, column: str, resource: str) -> Document:
    value = record[column]
    link = f"{call.origin}{call.prefix}/{resource}/{value}"
    return {"display_value": session.display(record, column), "link": link, "value": value}
