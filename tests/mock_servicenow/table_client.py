"""The Table API of a mock, as a plain client uses it."""

from typing import Any

import requests

from mock_servicenow import MockServiceNow


class TableClient:
    """Finds and writes records, as the administrator or another user; values are those that people read."""

    def __init__(self, instance: MockServiceNow, auth: tuple[str, str] | None = None) -> None:
        self._session = requests.Session()
        self._session.auth = auth or instance.auth
        self._session.params = {"sysparm_exclude_reference_link": "true", "sysparm_input_display_value": "true"}
        self._url = f"{instance.url}/api/now/table"

    def find(self, table: str, query: str) -> list[dict[str, Any]]:
        """Return the records that a query finds."""
        found: list[dict[str, Any]] = self._get(table, query).json()["result"]
        return found

    def status(self, table: str) -> int:
        """Return the status of the answer to a list of the table."""
        return self._get(table, "").status_code

    def make(self, table: str, **values: str) -> str:
        """Insert a record and return its sys_id."""
        answer = self._session.post(f"{self._url}/{table}", json=values)
        assert answer.status_code == 201, answer.text
        sys_id: str = answer.json()["result"]["sys_id"]
        return sys_id

    def change(self, table: str, sys_id: str, asked: str = "", /, **values: str) -> None:
        """Update a record, with a query string if it is given."""
        assert self._session.patch(f"{self._url}/{table}/{sys_id}{asked}", json=values).ok

    def delete(self, table: str, sys_id: str) -> None:
        """Delete a record."""
        assert self._session.delete(f"{self._url}/{table}/{sys_id}").status_code == 204

    def _get(self, table: str, query: str) -> requests.Response:
        return self._session.get(f"{self._url}/{table}", params={"sysparm_query": query})
