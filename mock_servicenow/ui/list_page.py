"""List pages: ``/{table}_list.do``."""

from collections.abc import Mapping

from aiohttp import web
from msgspec import Struct

from mock_servicenow.now_platform.dictionary.definitions import Column
from mock_servicenow.now_platform.errors import ApiAccessDenied, OperationFailed
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.query import CompiledQuery, as_operand, is_long
from mock_servicenow.now_platform.query.operators import BY_SPELLING, EQUALS, OPERATORS, Takes
from mock_servicenow.now_platform.records.list_columns import chosen, listable
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.rest.call import parameters_of, query_of
from mock_servicenow.now_platform.running import Repeatable
from mock_servicenow.now_platform.users import ADMIN_ROLE
from mock_servicenow.ui.decisions import Decisions
from mock_servicenow.ui.event_notes import Note, NotedEvent, follow, shown, take_note
from mock_servicenow.ui.instance_gate import InstanceVisit
from mock_servicenow.ui.list_query import LAST_ROW, LONGEST_CRUMBS, ROWS, ListQuery, ListUrl, rows_in_words
from mock_servicenow.ui.list_rows import ListRow, ListRows
from mock_servicenow.ui.list_search import searched
from mock_servicenow.ui.metadata_entries import MetadataColumn
from mock_servicenow.ui.row_actions import RowActions, RowChoices, RowScope, refused
from mock_servicenow.ui.visible_schema import VisibleTables, is_number, label, time_zone
from privman_core.pages.rendering import see


class Heading(Struct, frozen=True):
    """The head of a column; ``direction`` is empty unless it sorts the list, ``url`` if that would be too long."""

    name: str
    label: str
    is_number: bool
    url: str
    direction: str


class ListPage:
    """The records of a table that a query matches.

    Args:
        instance: has the records.
        tables: those that have lists.
        metadata: the column whose entries are shown one by one.
        decisions: decide requests.
        titles: of the lists of the app's tables; those of others have the table's label.
    """

    def __init__(
        self,
        instance: Instance,
        tables: VisibleTables,
        metadata: MetadataColumn,
        decisions: Decisions,
        titles: Mapping[str, str],
    ) -> None:
        self._instance = instance
        self._titles = titles
        self._tables = tables
        self._metadata = metadata
        self._decisions = decisions

    async def show(self, visit: InstanceVisit) -> web.Response:
        """Show a page of the list; raises PlatformError and PageError.

        ``sysparm_query``, ``sysparm_first_row`` and ``sysparm_fields`` choose the rows and columns, ``sysparm_tiny`` is
        short for a longer address, and the fields of the filter redirect to the list with one more condition.
        """
        table = self._tables.check(visit.request.match_info["table"])
        url = ListUrl.read(table, visit.request.query)
        if visit.query.get("filter_field"):
            return see(url.asking(ListQuery(url.query).with_condition(_condition(visit))))
        if "search" in visit.query:
            return see(url.asking(await self._instance.run(lambda: self._searched(visit, url))))
        values = await self._instance.run_again(
            Repeatable(lambda: self._values(visit, url), visit.findings, light=False)
        )
        values |= {"note": take_note(visit, table), "title": self._titles.get(table, values["title"])}
        return shown(visit, await visit.page("list.html", **values))

    async def act(self, visit: InstanceVisit) -> web.Response:
        """Do what the pressed button says to the selected rows, and lead back to the list; raises PageError."""
        table = self._tables.check(visit.request.match_info["table"])
        try:
            note = await self._instance.run(lambda: self._act(visit, table))
        except OperationFailed as error:
            note = refused(error)
        return follow(visit, NotedEvent(str(ListUrl.read(table, visit.request.query)), table, note))

    def _act(self, visit: InstanceVisit, table: str) -> Note:
        with self._instance.transaction(visit.user, visit.findings) as session:
            return RowActions(RowScope(session, self._decisions, table), visit.form).run()

    def _searched(self, visit: InstanceVisit, url: ListUrl) -> str:
        with self._instance.transaction(visit.user, visit.findings) as session:
            return searched(session, visit, url)

    def _values(self, visit: InstanceVisit, url: ListUrl) -> dict[str, object]:
        with self._instance.transaction(visit.user, visit.findings) as session:
            if not session.may("read", url.table):
                raise ApiAccessDenied
            expanded = _expanded(session, visit, url)
            if is_long(expanded.query):  # which the template reads several times
                self._instance.store.end_brief()
            return _List(session, expanded, self._metadata, self._decisions).values()


class _List:
    """One page of a list, read in one transaction."""

    def __init__(self, session: Session, url: ListUrl, metadata: MetadataColumn, decisions: Decisions) -> None:
        self._session = session
        self._url = url
        self._metadata = metadata
        self._decisions = decisions
        self._columns = chosen(session, url.table, url.fields)
        # Each heading repeats query and columns in a link.
        self._is_short = len(url.query) + sum(map(len, url.fields)) <= LONGEST_CRUMBS

    def values(self) -> dict[str, object]:
        """Return the values of the template."""
        query = self._session.newest_first(self._url.table, self._session.compiled(self._url.table, self._url.query))
        query, count = self._session.counted(self._url.table, query, LAST_ROW + 1)
        shown, actions = self._read(query)
        # Not the session's findings, which would reveal whether unreadable rows match.
        notices = [*(finding.message for finding in query.findings), *self._end(count)]
        return self._head() | self._foot(len(shown), count) | {"rows": shown, "actions": actions, "notices": notices}

    def _read(self, query: CompiledQuery) -> tuple[list[ListRow], RowChoices]:
        """Return the rows of the page, and what the user may do to them."""
        rows = ListRows(self._session, self._url, self._columns, self._metadata)
        actions = RowChoices(RowScope(self._session, self._decisions, self._url.table))
        shown: list[ListRow] = []
        for records in self._session.parts(self._url.table, query, limit=ROWS, offset=self._url.first - 1):
            shown += rows.read(records, self._url.first + len(shown))
            actions.add(records)
        return shown, actions

    def _head(self) -> dict[str, object]:
        """Return what is above the rows: title, filter and columns, and what the user may do to the list."""
        session, url = self._session, self._url
        return {
            "title": label(session, url.table),
            "url": url,
            "headings": [self._heading(column) for column in self._columns],
            "crumbs": ListQuery(url.query).crumbs(session, url.table),
            "may_create": session.may("create", url.table),
            "may_import": session.user.has_any((ADMIN_ROLE,)),
            "choices": self._choices(),
            "operators": [operator for operator in OPERATORS if operator.offered],
            "zone": time_zone(session),
        }

    def _foot(self, shown: int, count: int) -> dict[str, object]:
        """Return what is below the rows: which rows of how many they are, and the links to the others."""
        first, filtered = self._url.first, bool(ListQuery(self._url.query).conditions)
        return {
            "total": rows_in_words(first, shown, count, filtered=filtered),
            "filtered": filtered,
            "beyond": not shown and count > 0,
            "previous": self._url.at(max(1, first - ROWS)) if first > 1 else "",
            "next": self._url.at(first + ROWS) if self._goes_on(count) else "",
        }

    def _goes_on(self, count: int) -> bool:
        return self._url.first + ROWS <= min(count, LAST_ROW)

    def _end(self, count: int) -> list[str]:
        ends = count > LAST_ROW and self._url.first + ROWS > LAST_ROW
        return [f"Lists end at row {LAST_ROW:,}. Filter the list, or reverse its order."] * ends

    def _heading(self, column: Column) -> Heading:
        direction = ListQuery(self._url.query).direction(column.name)
        url = self._url.sorted_by(column.name) if self._is_short else ""
        return Heading(column.name, column.label, is_number(column), url, direction)

    def _choices(self) -> list[tuple[Column, bool]]:
        shown = {column.name for column in self._columns}
        columns = listable(self._session, self._url.table).values()
        return [(column, column.name in shown) for column in columns]


def _condition(visit: InstanceVisit) -> str:
    operator = BY_SPELLING.get(visit.query.get("filter_operator", ""), EQUALS)
    value = "" if operator.takes is Takes.NOTHING else visit.query.get("filter_value", "")
    # A caret ends a condition, so no query can search for one.
    return as_operand(f"{visit.query['filter_field']}{operator.word}{value}")


def _expanded(session: Session, visit: InstanceVisit, url: ListUrl) -> ListUrl:
    """Return the address that ``sysparm_tiny`` is short for."""
    name = visit.query.get("sysparm_tiny")
    found = session.elevated.find("sys_tiny_url", tiny_url=name) if name else None
    return url if found is None else ListUrl.read(url.table, parameters_of(query_of(found["url"])))
