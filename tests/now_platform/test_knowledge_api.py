"""The Knowledge Management API (Docs: knowledge-api)."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
Swallowed = Callable[[], list[str]]
API = "/api/sn_km_api/knowledge/articles"
EMAIL, PRINTER, DRAFT = "KB0000001", "KB0000002", "KB0000003"
NOBODY = "0" * 32


async def got(client: Client, path: str = "", status: int = 200) -> Any:
    """Return a result."""
    answer = await client.get(f"{API}{path}")
    assert answer.status == status, await answer.text()
    return (await answer.json()).get("result")


async def numbers(client: Client, path: str) -> list[str]:
    """Return the numbers of the articles in a list."""
    return [article["number"] for article in (await got(client, path))["articles"]]


async def test_published_articles_are_listed(user: Client) -> None:
    """Each with a snippet of its text; the parameters are repeated beside them."""
    found = await got(
        user, "?query=email&limit=5&fields=short_description,author&fields=workflow_state&fields=sys_class_name"
    )
    meta, [article] = found["meta"], found["articles"]
    assert len(meta.pop("ts_query_id")) == 32
    assert meta == {
        "start": 0,
        "end": 1,
        "fields": "short_description,author,workflow_state,sys_class_name",
        "query": "email",
        "filter": "",
        "kb": "",
        "language": "en",
        "count": 1,
        "status": {"code": 200},
    }
    assert (article["number"], article["rank"], article["title"]) == (EMAIL, 1, "How to set up email on a phone")
    assert article["snippet"] == "Open the settings, choose Mail and enter your address."
    sys_id = article["id"].removeprefix("kb_knowledge:")
    assert article["link"] == f"?id=kb_article_view&sys_kb_id={sys_id}"
    assert article["fields"]["workflow_state"] == {
        "name": "workflow_state",
        "label": "Workflow",
        "type": "string",
        "display_value": "Published",
        "value": "published",
    }
    assert article["fields"]["author"]["display_value"] == "Problem Manager"
    assert article["fields"]["sys_class_name"]["value"] == "kb_knowledge"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [EMAIL, PRINTER]),
        ("?limit=1&offset=1", [PRINTER]),
        ("?filter=numberENDSWITH2", [PRINTER]),
        ("?filter=numberENDSWITH9^NQworkflow_state=draft", []),
        ("?query=x^ORactive=true", []),
        ("?kb=x", []),
        (f"?kb={NOBODY}", []),
        ("?language=fr", []),
        ("?language=all", [EMAIL, PRINTER]),
        ("?language=en,fr&query=printer queue", [PRINTER]),
        ("/most_viewed", []),
        ("/featured", []),
    ],
)
async def test_articles_are_filtered(user: Client, query: str, found: list[str]) -> None:
    """By text, filter, knowledge base and language; nothing shows what is not published."""
    assert await numbers(user, query) == found


async def test_articles_of_a_knowledge_base(user: Client, create: Create) -> None:
    """Of one, or several."""
    base, other = create("kb_knowledge_base", title="HR"), create("kb_knowledge_base", title="Legal")
    create("kb_knowledge", number="KB1", workflow_state="published", kb_knowledge_base=base)
    assert [await numbers(user, f"?kb={asked}") for asked in (base, f"{other},{base}", other)] == [["KB1"], ["KB1"], []]


async def test_views_make_articles_most_viewed(user: Client, client: Client) -> None:
    """Those that are counted: by a parameter, or by a search and its rank; the article keeps its date of change."""
    article = await got(user, f"/{PRINTER}")
    path = f"/api/now/table/kb_knowledge/{article['sys_id']}"
    before = (await (await client.get(path)).json())["result"]
    for asked in ("?update_view", "?search_id=s1&search_rank=2.5", "?search_id=s1", ""):
        await got(user, f"/{PRINTER}{asked}")
    assert (await user.head(f"{API}/{PRINTER}?update_view=true")).status == 200
    after = (await (await client.get(path)).json())["result"]
    assert after == {**before, "sys_view_count": "2"}
    await got(user, f"/{EMAIL}?update_view=")
    viewed = (await got(user, "/most_viewed"))["articles"]
    assert [(each["number"], each["score"]) for each in viewed] == [(PRINTER, 2), (EMAIL, 1)]
    uses = (await (await client.get("/api/now/table/kb_use?sysparm_fields=search_id,viewed")).json())["result"]
    assert [(each["search_id"], each["viewed"]) for each in uses] == [("", "true"), ("s1", "true"), ("", "true")]


async def test_featured_articles(user: Client, create: Create) -> None:
    """Those with the keyword homepage."""
    create("kb_knowledge", number="KB1", workflow_state="published", meta="outage,homepage")
    assert await numbers(user, "/featured") == ["KB1"]


async def test_one_article(user: Client, create: Create) -> None:
    """By number or sys_id; of a number the published version."""
    article = await got(user, f"/{EMAIL}?fields=topic")
    assert article["content"].startswith("<p>Open the settings")
    assert (article["short_description"], article["template"]) == ("How to set up email on a phone", False)
    assert (article["display_attachments"], article["attachments"]) == (False, [])
    assert article["fields"]["topic"]["value"] == "General"
    assert (await got(user, f"/{article['sys_id']}"))["number"] == EMAIL
    create("kb_knowledge", number=EMAIL, workflow_state="outdated")
    assert (await got(user, f"/{EMAIL}"))["sys_id"] == article["sys_id"]
    for name in ("KB9", NOBODY):
        await got(user, f"/{name}", 404)


async def test_attachments_of_an_article(client: Client, create: Create) -> None:
    """Listed, and downloaded by its address alone, if the article shows them."""
    shown = create("kb_knowledge", number="KB1", workflow_state="published", display_attachments="true")
    hidden = create("kb_knowledge", number="KB2", workflow_state="published")
    files = {}
    for article in (shown, hidden):
        where = {"file_name": "a.txt", "table_name": "kb_knowledge", "table_sys_id": article}
        answer = await client.post("/api/now/attachment/file", params=where, data=BytesIO(b"text"))
        files[article] = (await answer.json())["result"]["sys_id"]
    [listed] = (await got(client, f"/{shown}"))["attachments"]
    assert (listed["sys_id"], listed["file_name"], listed["size_bytes"]) == (files[shown], "a.txt", "4")
    answer = await client.get(f"{API}/{shown}/attachments/{files[shown]}")
    assert (answer.status, await answer.text()) == (200, "text")
    for article, file in ((shown, files[hidden]), (hidden, files[hidden]), (NOBODY, files[shown])):
        await got(client, f"/{article}/attachments/{file}", 404)


async def test_unusable_parameters_are_findings(user: Client, swallowed: Swallowed) -> None:
    """Numbers that are none, unknown fields, and parameters of others."""
    assert len(await numbers(user, "?limit=many&fields=bunk&sysparm_query=x")) == 2
    assert sorted(swallowed()) == ["field-ignored", "parameter-ignored", "parameter-ignored"]


async def test_drafts_are_read_by_authors(user: Client, client: Client, create: Create) -> None:
    """And by whoever has the role knowledge, without which nobody writes articles."""
    draft, path = (await got(client, f"/{DRAFT}"))["sys_id"], "/api/now/table/kb_knowledge"
    own = create("kb_knowledge", number="KB1", author=await user_id(client))
    for shown, status in ((own, 200), (draft, 404)):
        await got(user, f"/{shown}", status)
        assert (await user.get(f"{path}/{shown}")).status == status
    assert (await user.post(path, json={"short_description": "New"})).status == 403
    assert (await user.patch(f"{path}/{own}", json={"workflow_state": "published"})).status == 403
    create("sys_user_has_role", user="plain", role="knowledge")
    assert (await got(user, f"/{draft}"))["number"] == DRAFT
    assert (await user.post(path, json={"short_description": "New"})).status == 201


async def user_id(client: Client) -> str:
    """Return the sys_id of the user without roles."""
    found = await (await client.get("/api/now/table/sys_user?sysparm_query=user_name=plain")).json()
    sys_id: str = found["result"][0]["sys_id"]
    return sys_id


async def test_unreadable_articles_are_not_there(user: Client, create: Create, change: Callable[..., None]) -> None:
    """By rows and by columns."""
    change("sys_security_acl", "condition", "workflow_state=published", condition=f"number={PRINTER}")
    create("sys_security_acl", name="kb_knowledge.topic", operation="read", condition="number=x")
    assert await numbers(user, "") == [PRINTER]
    await got(user, f"/{EMAIL}", 404)
    assert (await got(user, f"/{PRINTER}?fields=topic"))["fields"] == {}
