"""Read from an instance what shows the names of the app."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode

from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.outbound import NoAnswerError
from privman_core.table_reader import (
    Listing,
    RequestJournal,
    TableReader,
    UnreadableInstanceError,
    UnreadableTableError,
)
from privman_scenarios.analysis.instance_facts import ACL_COLUMNS, APPS, TABLE_COLUMNS, InstanceFacts
from privman_scenarios.analysis.recorded import Recorded
from privman_scenarios.output import complain
from privman_scenarios.playing.http_api import Get
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.servicenow import OF_COLUMNS

# Rows of each table of the app, the newest ones.
_SAMPLE = 200
# Rows of one table of the platform; an instance may go on for ever.
_MOST_ROWS = 20_000
_MOST_TABLES = 60
# Each hierarchy has a few, ServiceNow's deepest ones a dozen.
_MOST_EXTENDED = 100


class InstanceReader:
    """Reads an instance, as far as its user may.

    Its methods raise UnreadableInstanceError where the instance stops answering.

    Args:
        get: asks the instance, and can do nothing else.
        url: the instance's.
        user: who asks, for messages.
        journal: gets each request.
        clock: on which it waits when the instance allows no more requests for a while.

    Attributes:
        url: the instance's.
        exchanges: what was asked and answered.
        unreadable: the tables that the instance does not show to the user, each with its answer.
    """

    def __init__(self, get: Get, url: str, *, user: str, journal: RequestJournal, clock: Clock) -> None:
        self._ask = get
        self._clock = clock
        self._tables = TableReader(url, self._get, user=user, journal=journal, clock=clock, tell=_tell)
        self.url = url
        self.exchanges: list[Recorded] = []
        self.unreadable: dict[str, str] = {}

    @property
    def facts(self) -> InstanceFacts:
        """What was read by now; raises CannotLearnError."""
        return InstanceFacts.of(self.exchanges)

    async def first_answer(self) -> PartyAnswer:
        """Ask for one record of the table without which nothing is learned."""
        return await self._tables.get("/api/now/table/sys_db_object?sysparm_limit=1&sysparm_fields=sys_id")

    async def read_definitions(self, names: WireNames, prefix: str) -> None:
        """Read which tables may be the app's, and their columns, choices, roles and access rules."""
        await self._list("sys_properties", "nameINglide.buildname,glide.war", ("name", "value"))
        await self._list("sys_db_object", _may_be_of_app(names, prefix), TABLE_COLUMNS)
        if scopes := _scopes(self.facts, prefix):
            others = "^OR".join(f"nameSTARTSWITH{scope}" for scope in scopes)
            await self._list("sys_db_object", others, TABLE_COLUMNS)
        if found := self._of_apps(prefix):
            extended = await self._read_extended(found)
            for listing in _of_tables(",".join((*found, *extended))):
                await self._list(*listing)
        roles = "^OR".join((*(f"nameSTARTSWITH{each}" for each in APPS), "nameLIKEapprove"))
        await self._list("sys_user_role", roles, ("name",))

    async def read_rows(self, tables: Iterable[str]) -> None:
        """Read the newest rows of tables of the app, with every column."""
        query = urlencode({"sysparm_query": "ORDERBYDESCsys_created_on", "sysparm_limit": _SAMPLE})
        for table in tables:
            with self._noting_refusal(table):
                await self._tables.page(f"/api/now/table/{table}?{query}")

    async def _read_extended(self, tables: Iterable[str]) -> list[str]:
        """Return the tables that these extend, after reading which tables those extend in turn."""
        extended: dict[str, None] = {}
        while (new := self._parents([*tables, *extended])) and len(extended) < _MOST_EXTENDED:
            extended |= dict.fromkeys(new)
            await self._list("sys_db_object", f"nameIN{','.join(new)}", TABLE_COLUMNS)
        return [*extended]

    def _parents(self, tables: Sequence[str]) -> list[str]:
        """Return the tables that these extend, without these."""
        known = self.facts.tables
        return sorted({known[each].parent for each in tables if each in known} - {"", *tables})

    def _of_apps(self, prefix: str) -> list[str]:
        """Return the tables of apps, those of the scope first."""
        of_apps = (name for name in self.facts.tables if name.startswith(APPS))
        return sorted(of_apps, key=lambda name: not name.startswith(prefix))[:_MOST_TABLES]

    async def _list(self, table: str, query: str, columns: Sequence[str]) -> None:
        count = 0
        with self._noting_refusal(table):
            async for page in Listing(table, query, tuple(columns), _MOST_ROWS).pages(self._tables.page):
                count += page.listed
        if count >= _MOST_ROWS:
            raise UnreadableInstanceError(f"table '{table}': expected less than {_MOST_ROWS:,} rows of {query}")

    @contextmanager
    def _noting_refusal(self, table: str) -> Iterator[None]:
        try:
            yield
        except UnreadableTableError as error:
            self.unreadable[table] = error.answered

    async def _get(self, path: str) -> PartyAnswer:
        answer = await self._ask(path)
        self.exchanges.append(self._recorded(answer))
        if not answer.status:
            raise NoAnswerError(f"GET {self.url}{path.partition('?')[0]}: {answer.error}")
        return answer

    def _recorded(self, answer: PartyAnswer) -> Recorded:
        return Recorded(
            at=self._clock.now(),
            method=answer.method,
            url=f"{self.url}{answer.path}",
            status=answer.status,
            response_headers=tuple(answer.headers.items()),
            response=answer.body,
        )


def _may_be_of_app(names: WireNames, prefix: str) -> str:
    """Return the query for the tables of the scope, those that are known, and those with a printed label."""
    known = names.group("tables").values()
    labels = [label for name in names if name.group == "tables" for label in name.labels]
    return f"nameSTARTSWITH{prefix}^ORnameIN{','.join(known)}^ORlabelIN{','.join(labels)}"


def _scopes(facts: InstanceFacts, prefix: str) -> list[str]:
    """Return the other scopes that have a table with such a label."""
    scopes = dict.fromkeys(table.scope for table in facts.tables.values())
    return [scope for scope in scopes if scope.startswith(APPS) and not prefix.startswith(scope)]


def _of_tables(tables: str) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Yield each table that describes these, with a query and its columns."""
    yield ("sys_dictionary", f"nameIN{tables}", OF_COLUMNS)
    yield ("sys_choice", f"nameIN{tables}^inactive=false", ("name", "element", "value", "label"))
    yield ("sys_security_acl", f"nameIN{tables}", ("name", "operation"))
    yield ("sys_security_acl_role", f"sys_security_acl.nameIN{tables}", ACL_COLUMNS)


def _tell(text: str) -> None:
    complain("privman-scenarios", text)
