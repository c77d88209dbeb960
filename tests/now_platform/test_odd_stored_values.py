"""Catalogs, carts, changes and items are read whatever their columns hold."""

from collections.abc import Callable, Mapping
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.provisioning.provisioning import ADMIN_ID

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
CATALOG, CHANGE = "/api/sn_sc/servicecatalog", "/api/sn_chg_rest/change"
XML = {"Accept": "application/xml"}
DEEP = 400
VALUES = {
    "empty": "",
    "negative": "-1000",
    "largest": str(2**63 - 1),
    "30 digits": "9" * 30,
    "5,000 digits": "9" * 5_000,
    "endless price": "USD;1e400",
    "digits of elsewhere": "\u0663\u00b2",
    "markup": '<a b="&\x01">',
    "nested JSON": '{"a":' * DEEP + "1" + "}" * DEEP,
    "JSON of odd names": '{"errorMessages":{"b c":[1]},"infoMessages":[1,{"a><evil/>":[]},"x"],"a><evil/>":["x"]}',
}
KEPT = frozenset({Family.REFERENCE, Family.BOOLEAN, Family.CLASS, Family.IDENTIFIER, Family.PASSWORD})
"""Columns of these families lead to the records, so they keep their values."""


@pytest.fixture
def records(create: Create) -> dict[str, str]:
    """Return the sys_ids of records that belong together, by table."""
    made: dict[str, str] = {}

    def make(table: str, **values: str) -> None:
        made[table] = create(table, **values)

    make("sc_catalog", active="true")
    make("sc_category", active="true", sc_catalog=made["sc_catalog"])
    make("sc_cat_item", active="true", category=made["sc_category"], sc_catalogs=made["sc_catalog"])
    make("item_option_new", active="true", cat_item=made["sc_cat_item"], name="size")
    make("question_choice", question=made["item_option_new"])
    make("sc_cart", user=ADMIN_ID)
    make("sc_cart_item", cart=made["sc_cart"], cat_item=made["sc_cat_item"])
    make("sc_item_option", cart_item=made["sc_cart_item"], item_option_new=made["item_option_new"])
    make("sys_template", active="true")
    make("std_change_record_producer", active="true", template=made["sys_template"])
    producer = made["std_change_record_producer"]
    make("std_change_producer_version", std_change_producer=producer)
    make("chg_model", active="true")
    make("cmdb_ci_linux_server")
    make("change_request", cmdb_ci=made["cmdb_ci_linux_server"])
    make("change_task", change_request=made["change_request"])
    make("conflict", change=made["change_request"])
    make("task_ci", task=made["change_request"], ci_item=made["cmdb_ci_linux_server"])
    make("chg_mgt_worker")
    make("cmdb_rel_ci", parent=made["cmdb_ci_linux_server"], child=made["cmdb_ci_linux_server"])
    return made


@pytest.fixture
def fill(client: Client, instance: Instance, records: Mapping[str, str]) -> Callable[..., object]:
    """Return what writes a value to the columns of a record that lead nowhere."""

    async def fill(table: str, value: str) -> None:
        columns = instance.dictionary.columns(table).values()
        values = {each.name: value for each in columns if each.family not in KEPT and not each.read_only}
        answer = await client.patch(f"/api/now/table/{table}/{records[table]}", json=values)
        assert answer.status < 500, table
        if table == "std_change_record_producer":
            version = {"current_version": records["std_change_producer_version"]}
            assert (await client.patch(f"/api/now/table/{table}/{records[table]}", json=version)).status == 200

    return fill


def reads(records: Mapping[str, str]) -> list[tuple[str, str, object]]:
    """Return every call that reads one of the records."""
    item, change, ci = (records[each] for each in ("sc_cat_item", "change_request", "cmdb_ci_linux_server"))
    producer = records["std_change_record_producer"]
    gets = [
        *(f"{CATALOG}/catalogs", f"{CATALOG}/catalogs/{records['sc_catalog']}", f"{CATALOG}/items/{item}"),
        *(f"{CATALOG}/catalogs/{records['sc_catalog']}/categories", f"{CATALOG}/categories/{records['sc_category']}"),
        *(f"{CATALOG}/items", f"{CATALOG}/cart"),
        *(CHANGE, f"{CHANGE}/{change}", f"{CHANGE}/{change}/task", f"{CHANGE}/{change}/conflict"),
        *(f"{CHANGE}/{change}/nextstates", f"{CHANGE}/{change}/ci?association_type=affected", f"{CHANGE}/model"),
        *(f"{CHANGE}/standard/template", f"{CHANGE}/worker/{records['chg_mgt_worker']}"),
        *("/api/now/cmdb/instance/cmdb_ci_linux_server", f"/api/now/cmdb/instance/cmdb_ci_linux_server/{ci}"),
    ]
    one = {"sysparm_quantity": 1}
    return [
        *(("GET", path, None) for path in gets),
        ("POST", f"{CATALOG}/items/{item}/add_to_cart", one),
        ("POST", f"{CATALOG}/items/{item}/order_now", one),
        ("POST", f"{CATALOG}/cart/submit_order", None),
        ("POST", f"{CATALOG}/variables/{records['item_option_new']}/display_value", {"sysparm_value": "x"}),
        ("POST", f"{CHANGE}/{change}/conflict", None),
        ("POST", f"{CHANGE}/standard/{producer}", {}),
        ("POST", f"{CHANGE}/normal", {"chg_model": records["chg_model"]}),
    ]


@pytest.mark.long
@pytest.mark.parametrize("name", VALUES)
async def test_every_column_holds_every_value(
    client: Client, fill: Callable[..., object], records: dict[str, str], name: str
) -> None:
    """In JSON and in XML, which is well-formed."""
    for table in records:
        await fill(table, VALUES[name])  # type: ignore[misc]
    for verb, path, body in reads(records):
        answer = await client.request(verb, path, json=body)
        assert answer.status < 500, f"{verb} {path}: {await answer.text()}"
        if verb == "GET":
            shown = await client.get(path, headers=XML)
            ET.fromstring(await shown.text())  # noqa: S314 - our own answer


async def test_messages_of_a_worker_are_texts(client: Client, create: Create) -> None:
    """Whatever JSON its column holds."""
    worker = create("chg_mgt_worker", messages=VALUES["JSON of odd names"], state="3")
    shown = (await (await client.get(f"{CHANGE}/worker/{worker}")).json())["result"]
    assert shown["messages"] == {"errorMessages": [], "warningMessages": [], "infoMessages": ["x"]}
