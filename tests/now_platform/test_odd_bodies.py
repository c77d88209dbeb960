"""Whatever a body holds, the APIs with endpoints refuse or answer it: nothing fails, and nothing half-done stays."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
Create = Callable[..., str]
IPAD, PRODUCER = "060f3afa3731300054b6a3549dbe5d3e", "3f1dd0320a0a0b99000a53f7604a2ef9"
SERVERS, CATALOG, CHANGES = "now/cmdb/instance/cmdb_ci_server", "sn_sc/servicecatalog", "sn_chg_rest/change"
VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "javascript:gs.getUserID()",
    "^ORDERBY",
    [],
    [None],
    [[]],
    {},
    {"value": 1},
)
NAMES = (
    *("attributes", "source", "inbound_relations", "outbound_relations", "depends_on"),
    *("variables", "sysparm_quantity", "sysparm_requested_for", "sysparm_value", "sysparm_also_request_for"),
    *("state", "comments", "association_type", "cmdb_ci_sys_ids", "chg_model", "type", "short_description"),
)
USUAL = {"source": "ServiceNow", "sysparm_quantity": 1, "association_type": "affected", "state": "rejected"}


@pytest.fixture
def paths(create: Create) -> list[tuple[str, str]]:
    """Return each verb with each path that takes a body."""
    server, change, approver = (
        create("cmdb_ci_server", name="s"),
        create("change_request"),
        create("sys_user", name="a"),
    )
    create("sysapproval_approver", sysapproval=change, approver=approver, state="requested")
    variable = create("item_option_new", cat_item=IPAD, name="v")
    return [
        *(("POST", SERVERS), ("PUT", f"{SERVERS}/{server}"), ("POST", f"{SERVERS}/{server}/relation")),
        *(("POST", f"{CATALOG}/items/{IPAD}/{action}") for action in ("add_to_cart", "order_now")),
        *(("POST", f"{CATALOG}/items/{PRODUCER}/submit_producer"), ("PUT", f"{CATALOG}/cart/{server}")),
        ("POST", f"{CATALOG}/variables/{variable}/display_value"),
        *(("POST", f"{CHANGES}{kind}") for kind in ("", "/normal", "/emergency", f"/{change}/task", f"/{change}/ci")),
        *(("PATCH", f"{CHANGES}/{change}{part}") for part in ("", "/approvals")),
    ]


@pytest.mark.long
@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_odd_values(client: Client, paths: list[tuple[str, str]], value: object) -> None:
    """In place of each usual one; an incomplete relation alone gets the documented 500."""
    bodies = [USUAL | {name: value} for name in NAMES]
    for verb, path in paths:
        for body in (value, *bodies):
            answer = await client.request(verb, f"/api/{path}", json=body)
            text = await answer.text()
            assert answer.status < 500 or "Exception while executing request: null" in text, (verb, path, body, text)
