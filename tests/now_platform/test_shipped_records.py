"""Tables that clients of live instances read, each with a few rows (MCP servers, document loaders)."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
FILLED = (
    *("sys_scope", "sys_script_include", "sys_script_client", "sys_ui_policy", "sys_ui_action", "sys_update_set"),
    *(
        "sys_hub_flow",
        "sys_data_source",
        "kb_knowledge",
        "kb_knowledge_base",
        "sc_cat_item",
        "chg_model",
        "sys_template",
    ),
    *("cmdb_identifier", "cmdb_identifier_entry", "cmdb_reconciliation_definition", "cmdb_rel_type_suggest"),
)
EMPTY = (
    *(
        "sys_update_xml",
        "sys_app",
        "wf_workflow",
        "wf_workflow_version",
        "wf_context",
        "sys_documentation",
        "ecc_queue",
    ),
    *("cmdb_model", "sysapproval_approver", "conflict", "service_offering"),
)


@pytest.mark.parametrize("table", FILLED)
async def test_filled_tables_answer_with_rows(client: Client, table: str) -> None:
    """What people read of each is never empty."""
    rows = (await (await client.get(f"/api/now/table/{table}?sysparm_display_value=all")).json())["result"]
    assert rows
    assert all(row["sys_id"]["value"] for row in rows)


@pytest.mark.parametrize("table", EMPTY)
async def test_empty_tables_answer(client: Client, table: str) -> None:
    """An empty list, not an error."""
    assert (await (await client.get(f"/api/now/table/{table}")).json())["result"] == []


async def test_articles_are_numbered_and_found_by_text(client: Client) -> None:
    """As loaders of documents and search tools ask."""
    made = await client.post("/api/now/table/kb_knowledge", json={"short_description": "New"})
    article = (await made.json())["result"]
    assert article["number"].startswith("KB")
    assert (article["workflow_state"], article["author"]["value"]) == ("draft", "6816f79cc0a8016401c5a33be04be441")
    query = "workflow_state=published^123TEXTQUERY321=email"
    found = (await (await client.get(f"/api/now/table/kb_knowledge?sysparm_query={query}")).json())["result"]
    assert [row["number"] for row in found] == ["KB0000001"]


@pytest.mark.parametrize("table", ["sys_script_include", "sys_update_set", "sc_cat_item"])
async def test_only_managers_write_definitions(user: Client, grant: Callable[[str, str], None], table: str) -> None:
    """Whoever may read them."""
    path = f"/api/now/table/{table}"
    assert (await user.get(path)).status == 200
    assert (await user.post(path, json={"name": "x"})).status == 403
    grant("plain", "admin")
    assert (await user.post(path, json={"name": "x"})).status == 201
