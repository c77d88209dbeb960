from .conftest import Instance


async def test_what_is_not_there_is_told_in_json(instance: Instance) -> None:
    """An address that is none, and a method that is not allowed, are told in JSON like all else (interfaces)."""
    missing = await instance.call("GET", "/__admin/helth", None)
    assert (missing.status, missing.body) == (404, {"error": "GET /__admin/helth: Not Found"})
    refused = await instance.call("PUT", "/__admin/reset", None)
    assert (refused.status, refused.body) == (405, {"error": "PUT /__admin/reset: Method Not Allowed"})
    assert refused.headers["Allow"] == "POST"
