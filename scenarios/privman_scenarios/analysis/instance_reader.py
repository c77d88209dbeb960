"""Read from an instance what shows the names of the app: with GET alone, in pages, within its rate limits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from privman_contracts import WireNames
from privman_core.clock import Clock
from privman_core.outbound import retry_after
from privman_scenarios.analysis.instance_facts import ACL_COLUMNS, APPS, TABLE_COLUMNS, InstanceFacts, text_of
from privman_scenarios.analysis.recorded import Recorded
from privman_scenarios.errors import ExpectationError, TargetUnreachableError
from privman_scenarios.output import complain
from privman_scenarios.playing.http_api import Get
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.record_pages import record_pages
from privman_scenarios.playing.servicenow import OF_COLUMNS

# Rows of each table of the app, the newest ones.
_SAMPLE = 200
_MOST_PAGES = 20
_MOST_TABLES = 60
# Each hierarchy has a few, ServiceNow's deepest ones a dozen.
_MOST_EXTENDED = 100
# An instance counts requests by the hour.
_LONGEST_WAIT, _USUAL_WAIT, _MOST_WAITS = 3_600, 60, 10
# A proxy or a node that restarts answers these for a moment.
_PASSING = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
_MOMENT, _MOST_REPEATS = 2, 3


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked about one table of the platform."""

    table: str
    query: str
    columns: Sequence[str]

    @property
    def path(self) -> str:
        """The path, with a query."""
        asked = {"sysparm_query": self.query, "sysparm_fields": ",".join(("sys_id", *self.columns))}
        return f"/api/now/table/{self.table}?{urlencode({**asked, 'sysparm_exclude_reference_link': 'true'})}"


class InstanceReader:
    """Reads an instance, as far as its user may.

    Args:
        get: asks the instance, and can do nothing else.
        url: the instance's.
        clock: on which it waits when the instance allows no more requests for a while.

    Attributes:
        url: the instance's.
        exchanges: what was asked and answered.
        unreadable: the tables that the instance does not show to the user, each with its answer.
    """

    def __init__(self, get: Get, url: str, clock: Clock) -> None:
        self._ask = get
        self.url = url
        self._clock = clock
        self._waits = 0
        self.exchanges: list[Recorded] = []
        self.unreadable: dict[str, str] = {}

    @property
    def facts(self) -> InstanceFacts:
        """What was read by now; raises CannotLearnError."""
        return InstanceFacts.of(self.exchanges)

    async def first_answer(self) -> PartyAnswer:
        """Ask for one record of the table without which nothing is learned."""
        return await self._get("/api/now/table/sys_db_object?sysparm_limit=1&sysparm_fields=sys_id")

    async def read_definitions(self, names: WireNames, prefix: str) -> None:
        """Read which tables may be the app's, and their columns, choices, roles and access rules.

        Raises TargetUnreachableError where the instance stops answering.
        """
        await self._list(Listing("sys_properties", "nameINglide.buildname,glide.war", ("name", "value")))
        await self._list(Listing("sys_db_object", _may_be_of_app(names, prefix), TABLE_COLUMNS))
        if scopes := _scopes(self.facts, prefix):
            others = "^OR".join(f"nameSTARTSWITH{scope}" for scope in scopes)
            await self._list(Listing("sys_db_object", others, TABLE_COLUMNS))
        if found := self._tables(prefix):
            extended = await self._read_extended(found)
            for listing in _of_tables(",".join((*found, *extended))):
                await self._list(listing)
        roles = "^OR".join((*(f"nameSTARTSWITH{each}" for each in APPS), "nameLIKEapprove"))
        await self._list(Listing("sys_user_role", roles, ("name",)))

    async def read_rows(self, tables: Iterable[str]) -> None:
        """Read the newest rows of tables of the app; raises TargetUnreachableError."""
        for table in tables:
            query = urlencode({"sysparm_query": "ORDERBYDESCsys_created_on", "sysparm_limit": _SAMPLE})
            answer = await self._get(f"/api/now/table/{table}?{query}")
            self._require_read(table, answer)

    async def _read_extended(self, tables: Iterable[str]) -> list[str]:
        """Return the tables that these extend, after reading which tables those extend in turn."""
        extended: dict[str, None] = {}
        while (new := self._parents([*tables, *extended])) and len(extended) < _MOST_EXTENDED:
            extended |= dict.fromkeys(new)
            await self._list(Listing("sys_db_object", f"nameIN{','.join(new)}", TABLE_COLUMNS))
        return [*extended]

    def _parents(self, tables: Sequence[str]) -> list[str]:
        """Return the tables that these extend, without these."""
        known = self.facts.tables
        return sorted({known[each].parent for each in tables if each in known} - {"", *tables})

    def _tables(self, prefix: str) -> list[str]:
        """Return the tables of apps, those of the scope first."""
        of_apps = (name for name in self.facts.tables if name.startswith(APPS))
        return sorted(of_apps, key=lambda name: not name.startswith(prefix))[:_MOST_TABLES]

    async def _list(self, listing: Listing) -> None:
        """Read every page of a list; raises TargetUnreachableError."""
        try:
            async for page in record_pages(self._get, listing.path, most_pages=_MOST_PAGES):
                self._require_read(listing.table, page)
        except ExpectationError as error:
            raise TargetUnreachableError(
                f"{self.url} was not read: expected {error.expected}; got {error.got}."
            ) from None

    def _require_read(self, table: str, answer: PartyAnswer) -> None:
        """Take note of a table that the instance does not show; raises TargetUnreachableError for no such answer."""
        if answer.is_of_client:
            self.unreadable[table] = f"{answer.status} {_message(answer)}".strip()
        elif answer.refused:
            raise TargetUnreachableError(f"{self.url} stopped answering, and nothing was written: {_in_words(answer)}.")

    async def _get(self, path: str) -> PartyAnswer:
        """Get a path, and do so again once the instance allows it, and a few times where it fails for a moment."""
        repeats = 0
        while True:
            answer = await self._ask(path)
            self.exchanges.append(self._recorded(answer))
            asked = answer.headers.get("retry-after", "")
            if answer.status == HTTPStatus.TOO_MANY_REQUESTS and self._waits < _MOST_WAITS:
                self._waits += 1
                await self._wait(asked, _USUAL_WAIT, "which limits how much is asked (429)")
            elif answer.status in _PASSING and repeats < _MOST_REPEATS:
                repeats += 1
                await self._wait(asked, _MOMENT, f"which answered {answer.status}")
            else:
                return answer

    async def _wait(self, asked: str, usual: int, why: str) -> None:
        """Wait as long as the instance asks for; says so if that takes longer than an answer does."""
        seconds = retry_after(asked, self._clock.now(), _LONGEST_WAIT)
        seconds = usual if seconds is None else seconds
        if seconds >= 1:
            complain("privman-scenarios", f"waiting {seconds:g} s for {self.url}, {why}")
        await self._clock.sleep(seconds)

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


def _of_tables(tables: str) -> Iterable[Listing]:
    """Yield what is asked about these tables."""
    yield Listing("sys_dictionary", f"nameIN{tables}^ORDERBYname^ORDERBYelement", OF_COLUMNS)
    yield Listing("sys_choice", f"nameIN{tables}^inactive=false", ("name", "element", "value", "label"))
    yield Listing("sys_security_acl", f"nameIN{tables}", ("name", "operation"))
    yield Listing("sys_security_acl_role", f"sys_security_acl.nameIN{tables}", ACL_COLUMNS)


def _message(answer: PartyAnswer) -> str:
    error: Any = answer.json["error"]
    return text_of(error.get("message"))


def _in_words(answer: PartyAnswer) -> str:
    if answer.status == HTTPStatus.OK and answer.json is None:
        return f"GET {answer.path} -> 200 with a page instead of JSON, as an instance that hibernates has it"
    return str(answer)
