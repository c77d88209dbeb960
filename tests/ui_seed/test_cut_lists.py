"""Lists of the cockpit that are too long for a page say so."""

import re

from privman_core.virtual_clock import VirtualClock

from .both_fakes import both_fakes

TABLE = "/api/now/table/x_thyti_thycotic_p_request"
ADMIN = {"Authorization": "Basic YWRtaW46YWRtaW4="}


async def test_cut_lists_say_that_there_is_more() -> None:
    """Of a request that a party has but does not list, no page says that the party does not know it."""
    clock = VirtualClock()
    async with both_fakes(clock, clock) as fakes:
        await fakes.set_up()
        _, second, *_ = [await fakes.ask() for _ in range(51)]
        url = f"{fakes.servicenow}{TABLE}?sysparm_exclude_reference_link=true&sysparm_limit=1"
        async with fakes.http.get(url, headers=ADMIN) as answer:
            [known] = (await answer.json())["result"]
        columns = ("instance_id", "activity_type_id", "metadata", "status")
        newer = {name: known[name] for name in columns} | {"request_id": "85d71683-7dac-4762-8120-76a9a564fdc1"}
        async with fakes.http.post(url, json=newer, headers=ADMIN) as answer:
            assert answer.status == 201
        approvals, deliveries, dues = [
            await fakes.look(fakes.servicenow, f"/{tab}") for tab in ("approvals", "deliveries", "clock")
        ]
    [row] = [each for each in approvals.split("<tr") if f"/requests/{second}" in each]
    assert ("not among its newest 50" in row, "unknown" in row) == (True, False)
    assert re.findall(r"(\w+) has more: its newest 50 are listed", approvals) == ["ServiceNow", "Console"]
    assert re.findall(r"(\w+) has more than the 50 that are listed", deliveries) == ["Console"]
    assert re.findall(r"(\w+) has more than the first ones that are listed", dues) == ["ServiceNow", "Console"]
