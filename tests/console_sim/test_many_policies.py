"""How many policies there are makes no difference to an endpoint that asks."""

import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import pytest

from .conftest import METADATA, ConsoleUnderTest, StubServiceNow
from .on_file import console_on, write

REPORT = {**METADATA, "UserName": "Ada", "AgentName": "pc", "FilePath": "/bin/ls"}
FEW, MANY = 3, 900
_ID = "printf('%08x-0000-4000-8000-000000000000', n)"
_BODY = f"""json_object('id', {_ID}, 'name', 'Policy ' || n, 'description', hex(zeroblob(500)))"""


def with_policies(number: int) -> str:
    """Return what writes so many policies into a file, as if a client had made them."""
    each = f"SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {number}"  # noqa: S608 - our own words
    values = f"SELECT 'policy', {_ID}, 0, CAST({_BODY} AS BLOB) FROM numbers"  # noqa: S608
    return f"WITH RECURSIVE numbers(n) AS ({each}) INSERT INTO document (kind, key, unfinished, body) {values}"


async def calls_of_an_ask(console: ConsoleUnderTest, policy: str) -> int:
    """Return how many functions are called, in Python and C, until an endpoint has its answer."""
    calls: Counter[str] = Counter()

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        calls[event] += 1

    for name in ("warm-up", "counted"):
        body = {"metadata": {**REPORT, "FilePath": f"/bin/{name}", "PolicyName": policy}}
        calls.clear()
        sys.setprofile(note)
        try:
            status, _ = await console.call("POST", "/__admin/approval-requests", body)
        finally:
            sys.setprofile(None)
        assert status == 201
    return calls["call"] + calls["c_call"]


@pytest.mark.long
@pytest.mark.parametrize("policy", ["Elevate installers", "of no console"])
async def test_asking_takes_as_many_steps_among_many_policies(
    tmp_path: Path, servicenow: StubServiceNow, policy: str
) -> None:
    """Its policy is found by id or name without a look at the others, or at the file."""
    calls: dict[int, int] = {}
    for number in (FEW, MANY):
        file = tmp_path / f"{number}.db"
        async with console_on(file, servicenow) as console:
            await console.set_up()
        write(file, with_policies(number))
        async with console_on(file, servicenow) as console:
            assert len((await console.admin("GET", "/policies"))["policies"]) == number + 2
            calls[number] = await calls_of_an_ask(console, policy)
    assert calls[MANY] < calls[FEW] + (MANY - FEW) / 4


async def test_a_policy_is_found_as_soon_as_it_is_there(console: ConsoleUnderTest) -> None:
    """And no longer once a reset has removed it."""
    for name in ("P", "Q"):
        assert (await ask(console, name))[0] == 201
        await console.admin("POST", "/policies", {"name": name, "approval_type": None})
        assert (await ask(console, name))[0] == 409
    await console.admin("POST", "/reset")
    assert (await ask(console, "P"))[0] == 201


async def ask(console: ConsoleUnderTest, policy: str) -> tuple[int, object]:
    """Let an endpoint ask under the policy of that name."""
    report = {"UserName": "Ada", "PolicyName": policy}
    return await console.call("POST", "/__admin/approval-requests", {"metadata": report})
