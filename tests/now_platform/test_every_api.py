"""Every REST API of the router keeps the rules of all, at whichever of its paths; a new one needs no edit here."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.rest.router import APIS
from privman_core.journal import Journal

Client = TestClient[web.Request, web.Application]
NOWHERE = {
    "error": {"message": "Requested URI does not represent any resource", "detail": None},
    "status": "failure",
}
UNKNOWN_VERB = "PURGE"
SECTIONS = {
    "now/cmdb": "/instance",
    "sn_sc/servicecatalog": "/items",
    "sn_km_api/knowledge": "/articles",
    "now/doc": "/table/schema",
    "now/ui": "/meta",
    "global/em": "/jsonv2",
}
"""Where an API begins that has nothing at its own path."""


def paths(api: str) -> list[str]:
    """Return the API's own path, and those of something in it, and in that."""
    return [f"{beginning(api)}{words}" for words in ("", "/cmn_department", "/cmn_department/x")]


def beginning(api: str) -> str:
    """Return the path below which the API has something."""
    return f"/api/{api}{SECTIONS.get(api, '')}"


@pytest.mark.parametrize("api", APIS)
async def test_other_verbs_get_405_with_the_allowed_ones(client: Client, api: str) -> None:
    """1.9: 405 wherever the API has something, with a header Allow that is true."""
    refused = 0
    for path in paths(api):
        answer = await client.request(UNKNOWN_VERB, path)
        assert answer.status == 405 or await answer.json() == NOWHERE
        if answer.status == 405:
            refused += 1
            for verb in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
                status = (await client.request(verb, path)).status
                assert (status == 405) == (verb not in answer.headers["Allow"].split(", "))
    assert refused, f"no path of {api} refuses {UNKNOWN_VERB}"


@pytest.mark.parametrize("api", APIS)
async def test_guests_get_401(anonymous: Client, api: str) -> None:
    """Whether the path exists or not."""
    for path in paths(api):
        for verb in ("GET", "POST", UNKNOWN_VERB):
            assert (await anonymous.request(verb, path)).status == 401


@pytest.mark.parametrize("api", APIS)
async def test_a_path_with_more_words_is_no_resource(client: Client, api: str) -> None:
    """400, by whichever verb."""
    for verb in ("GET", "POST", "DELETE", UNKNOWN_VERB):
        answer = await client.request(verb, f"{beginning(api)}/cmn_department/x/y/z")
        assert (answer.status, await answer.json()) == (400, NOWHERE)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("verb", ["GET", UNKNOWN_VERB])
async def test_xml_is_answered_on_request(client: Client, api: str, verb: str) -> None:
    """Records and errors both."""
    for path in paths(api):
        answer = await client.request(verb, path, headers={"Accept": "application/xml"})
        assert answer.headers["Content-Type"] == "application/xml; charset=UTF-8"
        assert (await answer.text()).startswith('<?xml version="1.0" encoding="UTF-8"?><response>')


ANSWERED = {
    "now/table": ["/cmn_department"],
    "now/attachment": [""],
    "now/stats": ["/cmn_department"],
    "sn_chg_rest/change": ["", "/normal", "/standard", "/emergency", "/standard/template", "/model"],
    "sn_sc/servicecatalog": ["/items", "/catalogs", "/cart", "/wishlist"],
    "sn_km_api/knowledge": ["/articles", "/articles/featured", "/articles/most_viewed"],
    "now/cmdb": ["/instance/cmdb_ci"],
    "now/doc": ["/table/schema"],
    "now/ui": ["/meta/cmn_department", "/user/current_user"],
}
"""What answers a GET where the instance has no records of its own."""
POSTED = {
    "now/tinyurl": {"url": "incident_list.do"},
    "now/batch": {"batch_request_id": "1", "rest_requests": []},
    "now/import": {},
    "now/email": {"to": ["a@example.com"]},
    "global/em": {"records": []},
}
"""What those without a GET of the kind take."""


@pytest.mark.parametrize("api", APIS)
async def test_a_parameter_without_a_meaning_is_a_finding(client: Client, journal: Journal, api: str) -> None:
    """Misspelt, or of another API."""
    calls: list[tuple[str, str, object]] = [("GET", f"/api/{api}{path}", None) for path in ANSWERED.get(api, ())]
    if api in POSTED:
        staging = "/u_imp_user" * (api == "now/import")
        calls.append(("POST", f"{beginning(api)}{staging}", POSTED[api]))
    assert calls
    for verb, path, body in calls:
        before = len(journal.findings())
        answer = await client.request(verb, f"{path}?sysparm_limt=1", json=body)
        assert answer.status in {200, 201}, await answer.text()
        messages = [finding.message for _, finding in journal.findings()][before:]
        assert any("sysparm_limt" in message for message in messages), path
