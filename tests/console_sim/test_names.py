"""Names of everything that people configure: one rule everywhere."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from console_sim.names import free_name, name_error

from .conftest import ConsoleUnderTest

HOOK = {"endpoint_url": "https://hooks.example/", "event": "System Approval Request Event"}
LOGIN = {"account_name": "a", "password": "b"}
PLACES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "an API user": ("/api-users", "display_name", {"credential": "Its login"}),
    "the API user's credential": ("/api-users", "credential", {}),
    "a changed API user": ("/api-user", "display_name", {}),
    "a credential": ("/credentials", "name", LOGIN),
    "a foreign system": ("/foreign-system", "name", {}),
    "a webhook": ("/webhooks", "name", HOOK),
    "a changed webhook": ("/webhook", "name", {"webhook": "New Webhook for ServiceNow setting"}),
    "an approval process": ("/approval-processes", "name", {}),
    "an approval type": ("/approval-types", "name", {}),
    "a policy": ("/policies", "name", {}),
}
FAULTS = {
    "  ": "is empty; expected text",
    "x" * 251: "has 251 characters; expected at most 250",
    "x\0y": "has U+0000; expected no control characters or line ends",
    "x\x85y": "has U+0085; expected no control characters or line ends",
    "x\u2028y": "has U+2028; expected no control characters or line ends",
    "x\u202ey": "has U+202E; expected no control characters or line ends",
    "\u200b": "is '\\u200b'; expected a visible character",
}
# A family is joined by invisible characters; the second one is newer than the Unicode tables of Python 3.11.
EMOJI = ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001fae9")


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
async def test_a_name_can_be_seen(console: ConsoleUnderTest, place: str) -> None:
    """It is neither empty nor long, and has a visible character and no control character."""
    path, key, values = PLACES[place]
    for name, fault in FAULTS.items():
        refusal = await console.call("POST", f"/__admin{path}", {**values, key: name})
        assert refusal == (400, {"error": f"{key!r} {fault}"})


@pytest.mark.parametrize("place", [place for place in PLACES if "change" not in place])
@pytest.mark.parametrize("name", EMOJI)
async def test_a_name_may_have_emoji(console: ConsoleUnderTest, place: str, name: str) -> None:
    """Also those that this Python's Unicode tables lack."""
    path, key, values = PLACES[place]
    answer = await console.admin("POST", path, {**values, key: name})
    assert answer.get(key, name) == name


@pytest.mark.parametrize("place", [place for place in PLACES if place.startswith("a") and "change" not in place])
async def test_a_name_has_no_spaces_around_it(console: ConsoleUnderTest, place: str) -> None:
    """They are cut off, so that two names differ visibly."""
    path, key, values = PLACES[place]
    answer = await console.admin("POST", path, {**values, key: " Desk\n"})
    assert answer[key] == "Desk"


@pytest.mark.parametrize("key", ["name", "api_user", "approval_type", "policy"])
async def test_a_set_up_gives_such_names(fresh: ConsoleUnderTest, key: str) -> None:
    """The names that a set-up is told follow the same rule."""
    order = {"servicenow_url": "http://x", "servicenow_user": "a", "servicenow_password": "b"}
    for name, fault in FAULTS.items():
        refusal = await fresh.call("POST", "/__admin/setup", {**order, key: name})
        assert refusal == (400, {"error": f"{key!r} {fault}"})


async def test_a_policy_of_the_api_has_such_a_name(console: ConsoleUnderTest) -> None:
    """The vendor's API follows the same rule; case counts."""
    token = (await console.admin("POST", "/tokens", {}))["token"]
    for name, fault in {**FAULTS, " Elevate installers\n": ""}.items():
        status, answer = await console.call(
            "POST",
            "/Tms/services/api/v1/policies/new",
            {"Name": name, "OS": "win"},
            headers={"Authorization": f"Bearer {token}"},
        )
        told = f"'Name' {fault}" if fault else "policy 'Elevate installers' exists; expected another name"
        assert (status >= 400, answer["Messages"]) == (True, [told])
    await console.admin("POST", "/policies", {"name": "elevate INSTALLERS"})


@pytest.mark.long
@given(
    base=st.text() | st.text(min_size=230, max_size=250),
    form=st.sampled_from(["{} webhook", "New Webhook for {} setting", "P ({})"]),
)
def test_derived_names_are_valid_and_free(base: str, form: str) -> None:
    """Whatever valid name they derive from, and whichever of them are taken."""
    name = base.strip()
    assume(not name_error(name))
    taken: list[str] = []
    for _ in range(12):
        new = free_name(lambda each: each not in taken, name, form)
        assert name_error(new) == ""
        assert new == new.strip()
        taken.append(new)
    assert len(set(taken)) == len(taken)
