"""Secrets that callers choose: they hide no word of the journal."""

import json

from aiohttp import ClientSession, encode_basic_auth

from mock_servicenow import MockServiceNow

TABLE = "x_thyti_thycotic_p_integration_configuration"
CONSOLE = {"Authorization": encode_basic_auth("privman.integration", "admin")}


def _registration(password: str) -> dict[str, str]:
    address = "http://127.0.0.1:1"
    pairs = {"Authentication Type": "Get Token", "Username": "u", "Password": password, "Token Url": f"{address}/t"}
    pairs |= {"Endpoint Url": f"{address}/e", "Minimum wait time": "00:00:50", "Maximum retry attempts": "3"}
    return {"instance_metadata": json.dumps(pairs)}


async def _journal(servicenow: MockServiceNow) -> str:
    async with ClientSession() as http, http.get(f"{servicenow.url}/__admin/requests") as answer:
        return await answer.text()


async def test_no_caller_hides_words_of_the_journal() -> None:
    """Neither with an assertion that nobody accepts, nor with a Secret in the form of a path, a name or a time."""
    async with MockServiceNow(seed=1) as servicenow, ClientSession(servicenow.url, headers=CONSOLE) as http:
        for word in ("/api/now/table/incident", TABLE, "privman.integration", "2026-01-05 09:00:00"):
            await http.post("/oauth_token.do", data={"grant_type": "x"}, headers={"Authentication": f"Bearer {word}"})
            await http.post(f"/api/now/table/{TABLE}", json=_registration(word))
            await http.get("/api/now/table/incident", params={"sysparm_query": f"short_description={word}"})
        shown = json.loads(await _journal(servicenow))["requests"]
    addresses = [each["url"] for each in shown]
    assert [each for each in addresses if "***" in each] == []
    assert ["Authentication", "Bearer ***"] in shown[0]["request"]["headers"]
    assert [each["request"]["body"] for each in shown if '\\"Password\\": \\"***\\"' in each["request"]["body"]]
