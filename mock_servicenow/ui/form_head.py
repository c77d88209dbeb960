"""The head bar of a form: the way back, the menu, the record's status and the records beside it."""

import re
from urllib.parse import urlencode

from msgspec import Struct

from mock_servicenow.now_platform.records.list_columns import listable
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.ui.instance_gate import InstanceVisit
from mock_servicenow.ui.record_place import RecordPlace
from mock_servicenow.ui.visible_schema import column_text
from privman_core.cockpit.addresses import search_page

_STATES = ("state", "status")
_LONGEST_STATUS = 255
_MENU = (
    ("History", "sys_audit", "documentkey={id}"),
    ("Configure dictionary", "sys_dictionary", "name={table}"),
)
_BACK = re.compile(r"[a-z0-9_]+_list\.do(\?.*)?")


class FormHead(Struct, frozen=True):
    """The links of a head bar; an address is empty where there is no such page for the user.

    Attributes:
        xml: the record as a file.
        menu: further pages about the record, each with its label.
        exchanges: the page of the cockpit with the exchanges about the record.
    """

    back: str
    status: str = ""
    attachments: str = ""
    xml: str = ""
    menu: tuple[tuple[str, str], ...] = ()
    previous: str = ""
    next: str = ""
    exchanges: str = ""


def form_head(session: Session, record: Record, place: RecordPlace, back: str, request_id: str) -> FormHead:
    """Return the head bar of the form of a record, which may be about the request with that RequestId."""
    previous, following = place.neighbours(session, record)
    links = [(label, _list(session, table, query, record)) for label, table, query in _MENU]
    return FormHead(
        back,
        _status(session, record),
        _list(session, "sys_attachment", "table_name={table}^table_sys_id={id}", record),
        f"/{record.table}.do?sys_id={record.sys_id}&XML",
        tuple((label, url) for label, url in links if url),
        previous,
        following,
        search_page(request=request_id) if request_id else search_page(text=record.sys_id),
    )


def way_back(visit: InstanceVisit, place: RecordPlace) -> str:
    """Return the list that the link names, or the one that the form was opened from."""
    stack = visit.query.get("sysparm_stack", "")
    return f"/{stack}" if _BACK.fullmatch(stack) else place.back


def _status(session: Session, record: Record) -> str:
    columns = listable(session, record.table)
    name = next((name for name in _STATES if name in columns), "")
    return column_text(session, record, columns[name], _LONGEST_STATUS) if name else ""


def _list(session: Session, table: str, query: str, record: Record) -> str:
    if session.dictionary.table(table) is None or not session.may("read", table):
        return ""
    condition = query.format(table=record.table, id=record.sys_id)
    return f"/{table}_list.do?{urlencode({'sysparm_query': condition})}"
