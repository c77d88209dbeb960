"""What a client in the field sends and reads: Rapid7's Surface Command connector for Privilege Manager.

It was written against a current console (rapid7/r7-surcom-connectors, delinea_privilege_manager). It
logs on with keys in lower case, posts the report without a body, and looks at the HTTP status, ``Status``, ``Result``.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import requests

from console_sim.settings import Settings

from .conftest import ConsoleUnderTest

REPORT = "85fedb4c-5110-4291-8de9-907294ab10bb"


async def import_report(console: ConsoleUnderTest, report_id: str, secret: str = "") -> list[dict[str, Any]]:
    """Read a report as the connector does, by requests; raises ValueError for what it takes for an error."""
    pairs = console.servicenow.metadata()
    return await asyncio.to_thread(_import, console.url, pairs["Username"], secret or pairs["Password"], report_id)


def _import(url: str, client_id: str, secret: str, report_id: str) -> list[dict[str, Any]]:
    with requests.Session() as session:
        logon = {"username": client_id, "password": secret}
        answer = session.post(f"{url}/Tms/services/api/logon/token", json=logon, timeout=10)
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()}"
        answer = session.post(f"{url}/Tms/services/api/v1/reports/{report_id}", timeout=10)
    body = answer.json()
    answer.raise_for_status()
    if body.get("Status") == "error":
        raise ValueError(body.get("Messages"))
    titles = [column["title"] for column in body.get("Result", {}).get("Columns", [])]
    return [dict(zip(titles, row, strict=True)) for row in body.get("Result", {}).get("Data", [])]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Answer as a current console, which the client was written for."""
    inferred = tmp_path / "current.yaml"
    inferred.write_text("rules: {report_answer: envelope, error_answer_status: 200}", encoding="utf-8")
    return Settings(inferred=inferred)


async def test_it_reads_the_agents(console: ConsoleUnderTest) -> None:
    """One record for each row, by the titles of the columns; no exchange breaks a contract."""
    records = await import_report(console, REPORT)
    assert [record["Agent Name"] for record in records] == [
        *("Thycotic Agent", "Application Control Agent"),
        "Thycotic Management Agent",
    ]
    assert records[0].keys() == {"_ItemId", "Computer Name", "Agent Name", "Agent Version", "Last Check-In"}
    assert (await console.admin("GET", "/findings"))["findings"] == []


async def test_it_notices_a_wrong_report(console: ConsoleUnderTest) -> None:
    """The status is 200, and the messages say why."""
    unknown = "85d71683-7dac-4762-8120-76a9a564fdc1"
    with pytest.raises(ValueError, match=f"report '{unknown}' does not exist"):
        await import_report(console, unknown)


async def test_it_notices_a_wrong_secret(console: ConsoleUnderTest) -> None:
    """A 401 at the token's address, which it checks first (release notes 10.5)."""
    with pytest.raises(requests.HTTPError, match="401 Client Error: Unauthorized"):
        await import_report(console, REPORT, "wrong")


class TestPrintedRelease:
    """Against a console of 11.1, whose reports the documentation prints without an envelope."""

    @pytest.fixture
    def settings(self) -> Settings:
        """Answer as packaged."""
        return Settings()

    async def test_it_finds_nothing(self, console: ConsoleUnderTest) -> None:
        """No error, and no record: the client is for later releases."""
        assert await import_report(console, REPORT) == []
