"""Which tables users without roles may write: records of people's work, never what the instance itself computes."""

from collections.abc import Callable

from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.instance import Instance

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
TABLES = "/api/now/table"
WRITES = {"create", "write", "delete"}
OWNED = {"sys_attachment", "sys_attachment_attribute", "sys_journal_field"}
"""A row that names a record takes the right to write that record; one without is nobody's."""
OPEN = {
    "alm_asset",
    "bsm_chart",
    "cmdb_ci",
    "cmdb_model",
    "cmdb_rel_ci",
    "cmdb_rel_type_suggest",
    "cmn_building",
    "cmn_cost_center",
    "cmn_department",
    "cmn_location",
    "core_company",
    "sysapproval_approver",
    "task",
    "task_ci",
    "task_cmdb_ci_service",
    "task_service_offering",
}


async def test_a_table_is_open_for_a_reason(user: Client, instance: Instance) -> None:
    """A new table either has access rules or is named here; test tables begin with u_."""
    shipped = [table for table in instance.dictionary if table.web_service_access and not table.name.startswith("u_")]
    opened = set()
    for table in shipped:
        if (await user.post(f"{TABLES}/{table.name}", json={})).status == 201:
            opened.add(instance.dictionary.root(table.name))
    assert opened == OPEN | OWNED


def test_rules_for_writing_come_together(instance: Instance) -> None:
    """A table whose rows not everybody creates is not changed or emptied by everybody, either."""
    for table in instance.dictionary:
        rules = {rule.operation for rule in instance.dictionary.acls(table.name) if rule.column is None}
        if table.web_service_access and not table.joined and not table.name.startswith("u_"):
            assert rules & WRITES in (set(), WRITES), table.name


async def test_views_of_articles_are_read_by_administrators(client: Client, user: Client) -> None:
    """Nobody plants one in another's name, deletes theirs, or reads who has viewed what."""
    await user.get("/api/sn_km_api/knowledge/articles/KB0000001?update_view=true")
    [use] = (await (await client.get(f"{TABLES}/kb_use")).json())["result"]
    path = f"{TABLES}/kb_use/{use['sys_id']}"
    assert (await user.get(f"{TABLES}/kb_use")).status == 403
    assert (await user.post(f"{TABLES}/kb_use", json={"viewed": "true"})).status == 403
    assert (await user.delete(path)).status in {403, 404}
    assert (await client.delete(path)).status == 204


async def test_the_worker_of_a_change_is_its_own_user_s(client: Client, user: Client, create: Create) -> None:
    """It has what they asked, and what came of it."""
    own = create("chg_mgt_worker", request="{}")
    assert (await client.get(f"{TABLES}/chg_mgt_worker/{own}")).status == 200
    assert (await user.get(f"{TABLES}/chg_mgt_worker/{own}")).status == 404
