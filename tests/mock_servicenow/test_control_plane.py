import pytest

from mock_servicenow.now_platform.rest.processors import PROCESSORS

from .conftest import GUID, REQUEST, Instance


@pytest.mark.long
async def test_deliveries_are_listed_oldest_first(instance: Instance) -> None:
    """However many there are: they are read and sent part by part."""
    assert (await instance.call("GET", "/__admin/deliveries", None)).body == {"deliveries": []}
    ids = await instance.set_up()
    wanted = [f"{GUID[:-2]}{number:02}" for number in range(45)]
    for request_id in wanted:
        sys_id = await instance.asked(ids, request_id=request_id)
        await instance.update(REQUEST, sys_id, {"status": "Deny"})
        await instance.clock.advance(1)
    answer = await instance.call("GET", "/__admin/deliveries", None)
    assert [each["request_id"] for each in answer.body["deliveries"]] == wanted


async def test_what_is_not_there_is_told_in_json(instance: Instance) -> None:
    """An address that is none, and a method that is not allowed, are told in JSON like all else (interfaces)."""
    missing = await instance.call("GET", "/__admin/helth", None)
    assert (missing.status, missing.body) == (404, {"error": "GET /__admin/helth: Not Found"})
    refused = await instance.call("PUT", "/__admin/reset", None)
    assert (refused.status, refused.body) == (405, {"error": "PUT /__admin/reset: Method Not Allowed"})
    assert refused.headers["Allow"] == "POST"


@pytest.mark.parametrize("address", ["Token Url", "Endpoint Url"])
async def test_a_registration_does_not_open_the_control_plane(instance: Instance, address: str) -> None:
    """Whoever registers a console chooses where the instance posts: it obeys nothing that it sends itself."""
    instance_id = await instance.register(**{address: f"{instance.url}/__admin/reset"})
    sys_id = await instance.asked((instance_id, await instance.add_activity_type(instance_id)))
    await instance.update(REQUEST, sys_id, {"status": "Deny"})
    await instance.clock.advance(1)
    [delivery] = (await instance.call("GET", "/__admin/deliveries", None)).body["deliveries"]
    assert delivery["attempts"][0]["status"] == 403


@pytest.mark.parametrize("query", PROCESSORS)
@pytest.mark.parametrize("path", ["/incident.do", "/incident_list.do"])
async def test_an_address_that_a_page_shares_is_recorded_and_fails_as_asked(
    instance: Instance, path: str, query: str
) -> None:
    """Like a REST API; the page itself leaves no trace."""
    await instance.call("POST", "/__admin/faults", None, json={"kind": "status", "status": 503})
    await instance.call("GET", path)
    assert (await instance.call("GET", f"{path}?{query}")).status == 503
    recorded = (await instance.call("GET", "/__admin/requests", None)).body["requests"]
    assert [each["url"] for each in recorded] == [f"{path}?{query}"]
