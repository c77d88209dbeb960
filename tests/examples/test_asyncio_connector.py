"""An asynchronous connector, written with httpx, that denies what nobody has decided and honours a rate limit."""

import asyncio

import httpx

from privman_scenarios import ConsoleFixture, ServiceNowFixture

TABLE = "/api/now/table/x_thyti_thycotic_p_request"


class Connector:
    """The connector under test: denies every pending request, several at a time."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def work(self) -> list[int]:
        """Deny what is pending; returns the status of each answer, in order."""
        pending = (await self._client.get(TABLE, params={"sysparm_query": "status=Pending"})).json()["result"]
        return list(await asyncio.gather(*(self._deny(record["sys_id"]) for record in pending)))

    async def _deny(self, sys_id: str) -> int:
        decision = {"status": "Deny", "comment": "Nobody asked me"}
        answer = await self._client.patch(f"{TABLE}/{sys_id}", json=decision)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            answer = await self._client.patch(f"{TABLE}/{sys_id}", json=decision)
        return answer.status_code


def client(servicenow: ServiceNowFixture) -> httpx.AsyncClient:
    """Return a client of the instance."""
    return httpx.AsyncClient(base_url=servicenow.url, auth=servicenow.auth)


async def test_everything_is_denied(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """Each decision is awaited, not slept for; the test's own loop goes on meanwhile."""
    request_ids = [console.ask({"PolicyName": f"Policy {number}"}) for number in range(3)]
    async with client(servicenow) as session:
        assert await Connector(session).work() == [200, 200, 200]
    for request_id in request_ids:
        await servicenow.decision(request_id).delivered()
        assert console.approval(request_id)["state"] == "Denied"


async def test_a_rate_limit_is_honoured(servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
    """ServiceNow refuses one decision with 429; the connector asks again, and the console has it once."""
    request_id = console.ask({"PolicyName": "Elevate installers"})
    servicenow.faults.arm("status", status=429, method="PATCH", path=f"{TABLE}/*", times=1)
    async with client(servicenow) as session:
        assert await Connector(session).work() == [200]
    delivery = await servicenow.decision(request_id).delivered()
    assert (delivery.status, delivery.retries) == (200, 0)
    assert console.approval(request_id)["comment"] == "Nobody asked me"
