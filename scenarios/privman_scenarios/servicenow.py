"""ServiceNow as scenarios use it: the Table API, as named users."""

from collections.abc import Iterable, Mapping
from typing import Any, Self
from urllib.parse import quote, urlencode

from privman_contracts import WireNames
from privman_scenarios.control_plane import ControlPlane
from privman_scenarios.credentials import Credentials
from privman_scenarios.errors import ExpectationError
from privman_scenarios.http_api import Answer, HttpApi, finished
from privman_scenarios.party import Party
from privman_scenarios.spelling import Spelling
from privman_testbench.ids import Ids

Record = dict[str, Any]
DEFAULT_APPROVER = "scenario.approver"


class ServiceNow(Party):
    """A ServiceNow instance, real or fake; tables and columns go by their canonical names, words by the packaged ones.

    Attributes:
        spelling: how this instance spells what scenarios speak of.
        created: path of each record that was created here, the oldest first.
        requested: the request_id of each request that was.
        registered: the Instance Id of each console that was told to set itself up.
        ignored: the sys_id of each record of somebody else, which is never found.
    """

    def __init__(
        self, api: HttpApi, control: ControlPlane | None, names: WireNames, admin: Credentials, ids: Ids
    ) -> None:
        super().__init__(api, control)
        self.names = names
        self.spelling = Spelling(names)
        self.admin = admin
        self._ids = ids
        self._users: dict[str, Credentials] = {}
        self.created: list[str] = []
        self.requested: list[str] = []
        self.registered: list[str] = []
        self.ignored: set[str] = set()

    def at(self, api: HttpApi) -> Self:
        """Return the same instance, spoken to through what stands in front of it."""
        return type(self)(api, ControlPlane(api), self.names, self.admin, self._ids)

    async def insert(self, table: str, values: Record, auth: Credentials | None = None) -> Answer:
        """Create a record of one of the app's tables, as the administrator unless told otherwise."""
        if table == "request" and "request_id" in values:
            self.requested.append(values["request_id"])
        return await self._insert(self._table(table), self.spelling.record_to_wire(table, values), auth)

    async def update(self, table: str, sys_id: str, values: Record, auth: Credentials) -> Answer:
        """Change columns of a record, as an approver does when deciding."""
        path = f"{_path(self._table(table))}/{quote(sys_id, safe='')}"
        return await self.api.call("PATCH", path, self.spelling.record_to_wire(table, values), auth=auth)

    async def delete(self, table: str, sys_id: str, auth: Credentials) -> Answer:
        """Delete a record."""
        path = f"{_path(self.names.table(table))}/{quote(sys_id, safe='')}"
        answer = await self.api.call("DELETE", path, auth=auth)
        if not answer.refused and path in self.created:
            self.created.remove(path)
        return answer

    async def decide(
        self, request_id: str, response: str, values: Mapping[str, str], by: str = DEFAULT_APPROVER
    ) -> Answer:
        """Let a named approver decide a request, perhaps with ``comment`` and ``duration``.

        Raises ExpectationError when there is no such request.
        """
        found = await self.find_only("request", "request_id", request_id)
        if not found:
            raise ExpectationError(f"the request {request_id} in ServiceNow", "none")
        auth = await self.credentials(by)
        return await self.update("request", found[0]["sys_id"], {"status": response, **values}, auth)

    async def find_only(self, table: str, column: str, value: str) -> list[Record]:
        """Return the records with this value, and no others even where the column is unknown to the instance.

        An instance ignores a term of a query whose column it does not know, so that every record is found.
        """
        return [record for record in await self.find(table, **{column: value}) if record.get(column) == value]

    async def find(self, table: str, **columns: str) -> list[Record]:
        """Return the records with these values, oldest first, columns under their canonical names.

        Raises ExpectationError when ServiceNow does not answer the records, or does not know one of the columns: it
        would ignore that term and answer every record.
        """
        wanted = self.spelling.record_to_wire(table, columns)
        query = "^".join([*(f"{column}={value}" for column, value in wanted.items()), "ORDERBYsys_created_on"])
        found = await self._find(self._table(table), query)
        for column in wanted:
            if any(column not in record for record in found):
                raise ExpectationError(f"a column {column!r} of {self._table(table)}", "records without it")
        return [
            self.spelling.record_from_wire(table, record) for record in found if record["sys_id"] not in self.ignored
        ]

    async def create_user(self, user_name: str, roles: Iterable[str]) -> None:
        """Create a user with just these roles, those of the app in their packaged spelling.

        Raises ExpectationError when ServiceNow refuses, or has no such role.
        """
        password = self._ids.token()
        values = {"user_name": user_name, "user_password": password, "active": "true"}
        # Without display values as input an instance drops what is written to an encrypted column (platform 1.3).
        user = await self._created_sys_id("sys_user?sysparm_input_display_value=true", values)
        for role in roles:
            await self._created_sys_id("sys_user_has_role", {"user": user, "role": await self._role(role)})
        self._users[user_name] = Credentials(user_name, password)

    async def credentials(self, user_name: str) -> Credentials:
        """Return the credentials of a user; the administrator's for no name, an approver's for a new one."""
        if not user_name:
            return self.admin
        if user_name not in self._users:
            await self.create_user(user_name, [str(self.names.find("roles.approver").packaged)])
        return self._users[user_name]

    def path(self, table: str, record: Record) -> str:
        """Return the path of a record."""
        return f"{_path(self._table(table))}/{record['sys_id']}"

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
        sys_id: str = result_of(answer)["sys_id"]
        return sys_id

    async def _insert(self, table: str, values: Record, auth: Credentials | None) -> Answer:
        return await finished(self._create(table, values, auth or self.admin))

    async def _create(self, table: str, values: Record, auth: Credentials) -> Answer:
        answer = await self.api.call("POST", _path(table), values, auth=auth)
        if not answer.refused:
            self.created.append(f"{_path(table.partition('?')[0])}/{result_of(answer)['sys_id']}")
        return answer

    async def _find(self, table: str, query: str) -> list[Record]:
        parameters = urlencode({"sysparm_query": query, "sysparm_exclude_reference_link": "true"})
        answer = await self.api.call("GET", f"{_path(table)}?{parameters}", auth=self.admin)
        records: list[Record] = result_of(answer)
        return records


def result_of(answer: Answer) -> Any:  # noqa: ANN401 - a record or a list of records
    """Return the ``result`` of a Table API answer; raises ExpectationError where there is none."""
    body = answer.json
    if answer.refused or not isinstance(body, dict) or (not body.get("result", []) and body.get("result") != []):
        raise ExpectationError("an answer with a result", str(answer))
    return body["result"]


def _path(table: str) -> str:
    return f"/api/now/table/{table}"
