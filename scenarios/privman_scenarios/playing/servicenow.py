"""ServiceNow as a party: the Table API, as named users."""

import os.path
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import starmap
from typing import NamedTuple, Self
from urllib.parse import quote, urlencode

from privman_contracts import WireNames
from privman_core.ids import Ids
from privman_scenarios.errors import ExpectationError
from privman_scenarios.language.known import ADMINISTRATOR, DEFAULT_APPROVER, INTEGRATION_ROLES, INTEGRATION_USER
from privman_scenarios.language.spelling import Spelling
from privman_scenarios.playing.control_plane import ControlPlane
from privman_scenarios.playing.http_api import Get, HttpApi, finished
from privman_scenarios.playing.log_in import Credentials, InstanceUsers, LogIn, Login
from privman_scenarios.playing.own_records import NotOwnError, OwnRecord, OwnRecords, text_of
from privman_scenarios.playing.party import Party
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.record_pages import OF_SYS_IDS, Record, record_of, record_pages, records_of

# Where users of a real console have records, too, which name it and its registration.
_OF_USERS = ("request", "response")


# Characters of a user name, and of what a run draws for one.
_USER_NAME, _DRAWN = 40, 12
_EPOCH = "1970-01-01 "
# Without display values as input an instance drops what is written to an encrypted column.
_AS_DISPLAYED = "?sysparm_input_display_value=true"
_COUNTED, _NUMBER = "x-total-count", re.compile(r"[0-9]{1,9}")
# Pages of 1,000 entries; the app has some hundred.
_DICTIONARY = 20
# An instance answers so for a table that it lacks, or that the user may not read.


OF_COLUMNS = ("name", "element", "column_label", "internal_type", "max_length", "reference", "default_value")
"""What is asked about a column."""


class KnownUsers(NamedTuple):
    """The users that a run has created on an instance, by their names in scenarios.

    Attributes:
        names: those names, by the ones on the instance.
    """

    names: Mapping[str, str]
    credentials: Mapping[str, Credentials]
    sys_ids: Mapping[str, str]


class ServiceNowParty(Party):
    """A ServiceNow instance, real or fake; tables and columns go by their canonical names, words by the packaged ones.

    Attributes:
        spelling: how this instance spells what scenarios speak of.
        own: the records of this run, where others have records too; None on an instance that this run has started.
        drawn: each request_id that this run has drawn, so that nobody else has it.
        decisions: how many decisions were sent, by request_id.
        accepted: the request_id of each decision that a shared instance has accepted.
        users: who acts there; `admin` is the run's own.
    """

    def __init__(
        self, api: HttpApi, control: ControlPlane | None, names: WireNames, users: InstanceUsers, ids: Ids
    ) -> None:
        super().__init__(api, control)
        self.names = names
        self.users = users
        self.admin = users.own
        self._ids = ids
        self.own = OwnRecords(api, users.own) if api.shared else None
        self._begin()

    def forget(self) -> None:
        """Forget what this run has done there: the instance is in its state at start."""
        self._ids.restart()
        self._begin()

    def _begin(self) -> None:
        self.spelling = Spelling(self.names)
        self.spelling.users.update({each.user: name for name, each in self.users.existing.items()})
        self._created: dict[str, Credentials] = {}
        self._user_ids: dict[str, str] = {}
        self.drawn: set[str] = set()
        self.decisions: Counter[str] = Counter()
        self.accepted: set[str] = set()

    def known_users(self) -> KnownUsers:
        """Return the users that this run has created, for `know_users`."""
        return KnownUsers(dict(self.spelling.users), dict(self._created), dict(self._user_ids))

    def know_users(self, known: KnownUsers) -> None:
        """Know only those users that there were, with the passwords that they had."""
        self.spelling.users = dict(known.names)
        self._created, self._user_ids = dict(known.credentials), dict(known.sys_ids)

    def at(self, api: HttpApi) -> Self:
        """Return the same instance, spoken to through what stands in front of it."""
        return type(self)(api, ControlPlane(api), self.names, self.users, self._ids)

    async def insert(self, table: str, values: Record, auth: LogIn | None = None) -> PartyAnswer:
        """Create a record of one of the app's tables, as the administrator by default."""
        return await self._insert(self._table(table), self.spelling.record_to_wire(table, values), auth)

    async def update(self, table: str, sys_id: str, values: Record, auth: LogIn) -> PartyAnswer:
        """Change columns of a record, as an approver does when deciding.

        Raises NotOwnError on a shared instance for a record that this run has not created.
        """
        wire, name = self.spelling.record_to_wire(table, values), self._table(table)
        if self.own:
            return await self.own.change(await self.own.look_up(name, sys_id), wire, auth)
        return await self.api.call("PATCH", f"{_path(name)}/{quote(sys_id, safe='')}", wire, auth=auth)

    async def delete(self, table: str, sys_id: str, auth: LogIn) -> PartyAnswer:
        """Delete a record; raises NotOwnError on a shared instance for one that this run has not created."""
        name = self._table(table)
        if self.own:
            return await self.own.remove(await self.own.look_up(name, sys_id), auth)
        return await self.api.call("DELETE", f"{_path(name)}/{quote(sys_id, safe='')}", auth=auth)

    async def decide(
        self, request_id: str, response: str, values: Mapping[str, str], by: str = DEFAULT_APPROVER
    ) -> PartyAnswer:
        """Let a named approver decide a request, perhaps with ``comment`` and ``duration``.

        A request of the SOAP integration is a requested item, whose approval and comment are written. Raises
        ExpectationError if there is no such request, if it has no place for a duration or, on a shared instance, if
        somebody else made it.
        """
        found = await self.find_only("request", "request_id", request_id)
        if not found and not self.own and (items := await self._requested_items(request_id)):
            return await self._decide_item(items[-1], response, values, by)
        if not found:
            raise ExpectationError(f"the request {request_id} in ServiceNow", "none")
        auth = await self.credentials(by)
        decision = {"status": response, **values}
        self.decisions[request_id] += 1
        if not self.own:
            return await self.update("request", found[0]["sys_id"], decision, auth)
        return await self._decide_own(self.own, request_id, found, decision, auth)

    async def _requested_items(self, request_id: str) -> list[str]:
        """Return the requested items that have the request_id among their variables, oldest first."""
        owned = await self._find("sc_item_option_mtom", f"sc_item_option.value={request_id}^ORDERBYsys_created_on")
        return [each["request_item"] for each in owned]

    async def _decide_item(self, item: str, response: str, values: Mapping[str, str], by: str) -> PartyAnswer:
        if "duration" in values:
            raise ExpectationError("a request whose approval may last", "a requested item of the SOAP integration")
        approvals = {"Approve": "approved", "Deny": "rejected"}
        columns = {"approval": approvals.get(response, response), "comments": values.get("comment", "")}
        return await self.update("sc_req_item", item, columns, await self.credentials(by))

    async def _decide_own(
        self, own: OwnRecords, request_id: str, found: Iterable[Record], decision: Record, auth: LogIn
    ) -> PartyAnswer:
        """Decide a request on a shared instance, where others may use the same request_id unless it was drawn."""
        table, wire = self.names.table("request"), self.spelling.record_to_wire("request", decision)
        sys_ids = [each["sys_id"] for each in found]
        created = [record for sys_id in sys_ids if (record := own.find(table, sys_id))]
        if not created and request_id not in self.drawn:
            raise NotOwnError(f"a request {request_id} that this run has created", f"{_path(table)}/{sys_ids[0]}")
        # Of the rest of a request an instance may make something else; it is read again before it is changed.
        known = self.spelling.record_to_wire("request", {"request_id": request_id})
        record = OwnRecord(table, created[0].sys_id if created else sys_ids[0], known)
        answer = await own.change(record, wire, auth)
        if not answer.refused:
            self.accepted.add(request_id)
            for each in created[:1]:
                each.changed(wire)
        return answer

    def draw_request_id(self, *, in_capitals: bool = False) -> str:
        """Return a request_id that nobody else has."""
        request_id = self._ids.guid().upper() if in_capitals else self._ids.guid()
        self.drawn.add(request_id)
        return request_id

    async def find_only(self, table: str, column: str, value: str) -> list[Record]:
        """Return the records with this value, and no others even where the column is unknown to the instance.

        An instance ignores a term of a query whose column it does not know, so that every record is found.
        """
        return [record for record in await self.find(table, **{column: value}) if record.get(column) == value]

    async def find(self, table: str, **columns: str) -> list[Record]:
        """Return the records with these values, oldest first, columns under their canonical names.

        On a shared instance the app's records of others are left out, those of runs at the same time among them.
        Raises ExpectationError when ServiceNow does not answer the records, counts more than it lists, or does not
        know one of the columns: it would ignore that term and answer every record.
        """
        found = await self.find_of_all(table, **columns)
        if self.own is None or table not in self.names.group("tables"):
            return found
        await self.own.refresh()
        traces = self._traces(self.own, table)
        return [each for each in found if each["sys_id"] not in self.own.others and _names_one_of(traces, each)]

    async def select(self, table: str, **columns: str) -> list[Record]:
        """Return the same; raises ExpectationError for a record with another value in one of the columns.

        As a stale list of somebody else has them, or an instance that ignores a term of the query.
        """
        found = await self.find(table, **columns)
        for column, wanted in columns.items():
            for record in found:
                if not _is_selected(wanted, record[column]):
                    raise ExpectationError(f"only records with {column} {wanted!r}", f"one with {record[column]!r}")
        return found

    async def find_of_all(self, table: str, **columns: str) -> list[Record]:
        """Return the same with the records of others."""
        wanted = self.spelling.record_to_wire(table, columns)
        query = "^".join([*starmap(_term, wanted.items()), "ORDERBYsys_created_on"])
        found = await self._find(self._table(table), query)
        for column in wanted:
            if any(column not in record for record in found):
                raise ExpectationError(f"a column {column!r} of {self._table(table)}", "records without it")
        return [self.spelling.record_from_wire(table, record) for record in found]

    async def sys_ids(self, table: str) -> set[str]:
        """Return the sys_id of every record of a table; raises ExpectationError as `records_of` does."""
        listed = record_pages(self._get, f"{_path(self._table(table))}?sysparm_fields=sys_id", OF_SYS_IDS)
        return {record["sys_id"] async for page in listed for record in records_of(page)}

    async def create_user(self, user_name: str, roles: Iterable[str]) -> None:
        """Create a user with just these roles, those of the app in their packaged spelling.

        On a shared instance the user gets a name that no other run has drawn; scenarios go on with theirs.
        Raises ExpectationError when ServiceNow refuses, has no such role, or names another user than it has created.
        """
        if self.users.approver:
            raise ExpectationError(f"a user {user_name!r}", "none, as a run with an existing approver creates no users")
        wire_name = self._unique(user_name) if self.own else user_name
        credentials = Credentials(wire_name, self._ids.token())  # masked before the instance can repeat it
        values = {"user_name": wire_name, "user_password": credentials.password, "active": "true"}
        user = await self._created_sys_id(f"sys_user{_AS_DISPLAYED}", values)
        if self.own:  # an answer may name somebody else, who would be given the roles
            await self.own.require_own(self.own.created("sys_user", user))
        for role in roles:
            await self._created_sys_id("sys_user_has_role", {"user": user, "role": await self._role(role)})
        self.spelling.users[wire_name] = user_name
        self._created[user_name], self._user_ids[user_name] = credentials, user

    async def change_password(self, user_name: str) -> PartyAnswer:
        """Give a user that this run has created a new password."""
        renewed = Credentials(self._created[user_name].user, self._ids.token())
        answer = await self._change_user(self._user_ids[user_name], {"user_password": renewed.password})
        if not answer.refused:
            self._created[user_name] = renewed
        return answer

    async def _change_user(self, sys_id: str, values: Record) -> PartyAnswer:
        if self.own:
            record = await self.own.look_up("sys_user", sys_id)
            return await self.own.send("PATCH", record, f"{record.path}{_AS_DISPLAYED}", values, auth=self.admin)
        return await self.api.call("PATCH", f"{_path('sys_user')}/{sys_id}{_AS_DISPLAYED}", values, auth=self.admin)

    async def credentials(self, user_name: str) -> LogIn:
        """Return how a user logs in: the administrator for no name.

        A user whom no step has created is created: the integration user with the roles of one, others as approvers.
        Raises ExpectationError where the run may create none.
        """
        existing = self.users.existing.get(user_name)
        if existing or user_name in ("", ADMINISTRATOR):
            return existing or self.admin
        if user_name not in self._created:
            roles = INTEGRATION_ROLES if user_name == INTEGRATION_USER else self._approver_roles()
            await self.create_user(user_name, roles)
        return self._created[user_name]

    async def console_login(self, user_name: str = "") -> Login:
        """Return the name and password of a user that a console logs in as, by default the integration's.

        Raises ExpectationError for one who logs in without a password.
        """
        is_own = user_name in ("", ADMINISTRATOR)
        return (self.users.console if is_own else await self.credentials(user_name)).login

    def _approver_roles(self) -> Sequence[str]:
        return [str(self.names.find("roles.approver").packaged)]

    async def ask_dictionary(self) -> None:
        """Ask which tables the app's scope has, and their columns, for whoever listens.

        It asks for a bounded number of pages, as an instance that does not know the query lists its whole dictionary.
        """
        scope = os.path.commonprefix([*self.names.group("tables").values()])  # noqa: RUF071 - characters are meant
        query = f"nameSTARTSWITH{scope}^ORDERBYname^ORDERBYelement"
        asked = urlencode({"sysparm_query": query, "sysparm_fields": ",".join(("sys_id", *OF_COLUMNS))})
        with suppress(ExpectationError):
            async for _page in record_pages(self._get, f"{_path('sys_dictionary')}?{asked}", most_pages=_DICTIONARY):
                pass

    def _traces(self, own: OwnRecords, table: str) -> set[str]:
        """Return what only records of this run in a table name: its records, its request_ids and its consoles."""
        column = self.names.column("request", "request_id")
        records = own.newest_first()
        sent = {str(each.sent.get(column) or "") for each in records} - {""}
        shared = () if table in _OF_USERS else (*own.kept, *own.consoles)
        traces = {*shared, *self.drawn, *sent, *(each.sys_id for each in records)} - {""}
        return {each.lower() for each in traces}

    def _unique(self, user_name: str) -> str:
        return f"{user_name[: _USER_NAME - _DRAWN - 1]}.{self._ids.hex(_DRAWN)}"

    @property
    def _get(self) -> Get:
        return self.api.getting(self.admin)

    def _table(self, table: str) -> str:
        """Return the name of one of the app's tables; any other table goes by its own."""
        return self.names.group("tables").get(table, table)

    async def _role(self, packaged: str) -> str:
        name = self.names.changed("roles").get(packaged, packaged)
        found = await self._find("sys_user_role", f"name={name}")
        matching = [each for each in found if each.get("name") == name]
        if not matching:
            raise ExpectationError(f"a role {name!r} in ServiceNow", "none")
        sys_id: str = matching[0]["sys_id"]
        return sys_id

    async def _created_sys_id(self, table: str, values: Record) -> str:
        answer = await self._insert(table, values, None)
        if answer.refused:
            raise ExpectationError(f"a new {table.partition('?')[0]}", str(answer))
        sys_id: str = record_of(answer)["sys_id"]
        return sys_id

    async def _insert(self, table: str, values: Record, auth: LogIn | None) -> PartyAnswer:
        return await finished(self._create(table, values, auth or self.admin))

    async def _create(self, table: str, values: Record, auth: LogIn) -> PartyAnswer:
        name = table.partition("?")[0]
        if self.own:
            await self.own.take_stock(name)
        answer = await self.api.call("POST", _path(table), values, auth=auth)
        if self.own:
            # A drawn request_id is a mark.
            marked = values.get(self.names.column("request", "request_id")) in self.drawn
            self.own.note(name, values, answer, marked=marked, by=auth.user)
        if not answer.refused:
            record_of(answer)
        return answer

    async def _find(self, table: str, query: str) -> list[Record]:
        parameters = urlencode({"sysparm_query": query, "sysparm_exclude_reference_link": "true"})
        found: list[Record] = []
        counted = ""
        async for page in record_pages(self._get, f"{_path(table)}?{parameters}"):
            found += records_of(page)
            counted = page.headers.get(_COUNTED, "")
        if _NUMBER.fullmatch(counted) and int(counted) > len(found):
            # Rows that the user may not read are counted, but not listed (KB0546297).
            raise ExpectationError(f"all {int(counted)} records of {table} with {query}", f"{len(found)} of them")
        return found


def _term(column: str, value: object) -> str:
    """Return a condition of a query; raises ExpectationError for a value that would end it."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "^" in text:
        raise ExpectationError(f"a value of {column!r} without '^', which ends a condition of a query", repr(value))
    return f"{column}={text}"


def _is_selected(wanted: object, shown: object) -> bool:
    """Tell whether a record with this value may be found by that one: in any case, and a duration is kept as a date."""
    ours, theirs = (text_of(value).lower() for value in (wanted, shown))
    return theirs in (ours, f"{_EPOCH}{ours}") or ours.startswith("javascript:")


def _names_one_of(traces: Iterable[str], record: Record) -> bool:
    values = [value.lower() for value in record.values() if isinstance(value, str)]
    return any(trace in value for trace in traces for value in values)


def _path(table: str) -> str:
    return f"/api/now/table/{table}"
