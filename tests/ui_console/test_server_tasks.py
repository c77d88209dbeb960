"""Server Tasks, and what a save of the foreign system does."""

import pytest

from .conftest import CREDENTIALS, SERVER, TASKS, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
APP = "x_thyti_thycotic_p_"
CONFIGURATION = f"{APP}integration_configuration"


async def outcome(site: Site, task: str) -> str:
    """Return the outcome of the newest attempt of a task."""
    rows = (await site.person.get(TASKS)).cells
    return next(told for name, _, told, _ in rows if name.startswith(task))


async def save(site: Site, **values: str) -> Shown:
    """Save the page of the foreign system; return what follows."""
    shown = await site.person.get(SERVER)
    form = {name: shown.value(name) for name in ("name", "base_url", "post_uri")}
    form |= {"description": shown.area("description"), "use_webhook": "yes"}
    chosen = {name: shown.chosen(name) for name in ("credential", "api_credential")}
    return await site.person.fill(shown, form | chosen | values)


async def delete(site: Site, table: str) -> None:
    """Delete the newest record of a table of the app in ServiceNow."""
    sys_id = (await site.records(table))[-1]["sys_id"]
    url = f"{site.servicenow}/api/now/table/{APP}{table}/{sys_id}"
    async with site.person.http.delete(url, headers={"Authorization": "Basic YWRtaW46YWRtaW4="}) as answer:
        assert answer.status == 204


@pytest.mark.parametrize(
    ("refusals", "told"),
    [
        (4, "Failed attempts: 2, of which 2 failed"),
        (3, "Failed in part attempts: 2, of which 1 failed"),
        (2, "Completed attempts: 2, of which 0 failed"),
    ],
)
async def test_attempts_that_failed_are_not_completed(site: Site, refusals: int, told: str) -> None:
    """A task that sends several requests has failed if one of its attempts has."""
    await site.set_up()
    fault = {"kind": "status", "status": 403, "method": "POST", "times": refusals}
    async with site.person.http.post(f"{site.servicenow}/__admin/faults", json=fault):
        pass
    for user in ("ada", "bob"):
        await site.ask(UserName=user)
    await save(site)
    assert (await outcome(site, "Send waiting approval requests")).startswith(told)


@pytest.mark.parametrize("table", ["integration_configuration", "activity_type"])
async def test_saving_registers_what_servicenow_has_lost(site: Site, table: str) -> None:
    """Each save does, as documented, and says so; the next request arrives."""
    await site.set_up()
    before = (await site.person.get(SERVER)).detail("Instance Id")
    await delete(site, table)
    shown = await save(site)
    lost = "registration and the activity type" if table == "integration_configuration" else "activity type"
    assert f"ServiceNow no longer had the {lost}, so the console has registered anew." in shown.text
    assert (shown.detail("Instance Id") == before) == (table == "activity_type")
    assert "registered anew" not in (await save(site)).text
    await site.ask()
    assert len(await site.records("request")) == 1


async def test_changed_credential_registers_anew_what_servicenow_has_lost(site: Site) -> None:
    """It has to be registered in any case, and that fails no more because the old record is gone."""
    await site.set_up()
    before = (await site.person.get(SERVER)).detail("Instance Id")
    await delete(site, "integration_configuration")
    name = (await site.person.get(SERVER)).chosen("api_credential")
    values = {"name": name, "account_name": "85d71683-7dac-4762-8120-76a9a564fdc1", "password": "other"}
    await site.person.submit(f"{CREDENTIALS}/edit?name={name}", values)
    assert (await outcome(site, "Register webhook")).startswith("Completed ServiceNow acknowledged the webhook's reg")
    assert (await site.person.get(SERVER)).detail("Instance Id") != before
    assert len(await site.records("integration_configuration")) == 1
