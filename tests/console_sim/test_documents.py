"""What the API says of itself, and how it answers everything else."""

import re
from io import BytesIO

import pytest

from .conftest import TOKEN, ConsoleUnderTest

DOCUMENT = "/Tms/services/swagger/docs/v1"


async def test_version_needs_no_token(fresh: ConsoleUnderTest) -> None:
    """The version is answered in the envelope, to anybody."""
    answer = await fresh.call("GET", "/tms/services/api/v1/VERSION/current")
    assert answer == (200, {"Result": "11.1.0", "Status": "ok", "Messages": []})


async def test_document_describes_the_api(fresh: ConsoleUnderTest) -> None:
    """The Swagger document names this console, each of its calls and no other."""
    status, document = await fresh.call("GET", DOCUMENT)
    assert (status, document["swagger"]) == (200, "2.0")
    assert f"{document['schemes'][0]}://{document['host']}" == fresh.url
    for path, operations in document["paths"].items():
        statuses = [(await fresh.call(method, f"{document['basePath']}{path}"))[0] for method in ("PUT", *operations)]
        assert statuses[0] == 405, path
        assert not {404, 405} & set(statuses[1:]), path
    methods = {path: set(operations) for path, operations in document["paths"].items()}
    assert methods["/api/logon/token"] == {"post", "delete"}
    assert methods["/api/v1/approval/approve"] == {"post"}


async def test_control_plane_has_openapi(fresh: ConsoleUnderTest) -> None:
    """OpenAPI 3.1, which the product does not have, is at an address that the product does not have either."""
    status, document = await fresh.call("GET", "/__admin/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    assert document["servers"] == [{"url": fresh.url}]
    assert {"post", "delete"} == document["paths"][TOKEN].keys()


async def test_page_is_self_contained(fresh: ConsoleUnderTest) -> None:
    """The Swagger page shows the document beside it and loads nothing from outside."""
    async with fresh.session.get(f"{fresh.url}/Tms/services/swagger/ui/index") as answer:
        page = await answer.text()
    assert answer.content_type == "text/html"
    assert 'fetch("../docs/v1")' in page
    assert not re.search("https?://", page)


async def test_document_needs_a_host(fresh: ConsoleUnderTest) -> None:
    """A Host header that names no host gets 400."""
    status, answer = await fresh.call("GET", DOCUMENT, headers={"Host": ":::"})
    assert (status, answer["Messages"]) == (400, ["Host is ':::'; expected a host, or host and port"])


async def test_head_is_answered_like_get(fresh: ConsoleUnderTest) -> None:
    """HEAD answers what GET would, without the body."""
    assert await fresh.call("HEAD", DOCUMENT) == (200, None)


@pytest.mark.parametrize("path", ["/Tms", "/Tms/", "/Tms/services/api/v1/approval", "/other"])
async def test_unknown_paths(fresh: ConsoleUnderTest, path: str) -> None:
    """Unknown paths get 404 in the envelope, naming the path."""
    status, answer = await fresh.call("GET", path)
    assert (status, answer["Result"], answer["Status"]) == (404, None, "error")
    assert path in answer["Messages"][0]


async def test_wrong_method(fresh: ConsoleUnderTest) -> None:
    """A wrong method gets 405, naming the right ones."""
    async with fresh.session.put(f"{fresh.url}{TOKEN}") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST, DELETE")
        assert (await answer.json())["Messages"] == [f"PUT is not allowed at {TOKEN}; expected POST or DELETE"]


async def test_answers_tell_the_time_of_the_clock(fresh: ConsoleUnderTest) -> None:
    """Date follows the console's clock, so that the same seed gives its callers the same journal."""
    await fresh.advance(3600)
    async with fresh.session.get(f"{fresh.url}{DOCUMENT}") as answer:
        assert answer.headers["Date"] == "Mon, 05 Jan 2026 10:00:00 GMT"
        assert answer.headers["Server"] == "Microsoft-IIS/10.0"


async def test_oversized_body(console: ConsoleUnderTest) -> None:
    """A body of more than a mebibyte gets 413 in the envelope."""
    body, headers = BytesIO(b" " * (1024 * 1024 + 1)), {"Content-Type": "application/json"}
    status, answer = await console.call("POST", TOKEN, data=body, headers=headers)
    assert (status, answer["Status"]) == (413, "error")


async def test_disabled_api_refuses_before_it_reads(fresh: ConsoleUnderTest) -> None:
    """Who may not call gets the refusal, whatever the body is."""
    status, answer = await fresh.call("POST", TOKEN, data=BytesIO(b" " * (1024 * 1024 + 1)))
    assert (status, answer["Status"]) == (403, "error")


async def test_control_plane_speaks_its_own_json(fresh: ConsoleUnderTest) -> None:
    """Below /__admin errors have no envelope."""
    assert await fresh.call("GET", "/__admin/nothing") == (404, {"error": "GET /__admin/nothing: Not Found"})
    async with fresh.session.put(f"{fresh.url}/__admin/foreign-systems") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")
