import json

import pytest

from .conftest import CONFIGURATION, GUID, REQUEST, SECRET, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
NAME = f"{CONFIGURATION}.instance_metadata"


async def test_unchanged_mask_keeps_the_password(site: Site) -> None:
    """After an update that leaves the mask alone, decisions still reach the console with the Secret."""
    request = await site.ask()
    person = await site.person("privman.admin")
    instance_id = (await site.read(REQUEST, request))["instance_id"]
    pairs = await site.pairs(instance_id) | {"Maximum retry attempts": "1"}
    form = [(f"{NAME}.name", name) for name in pairs] + [(f"{NAME}.value", value) for value in pairs.values()]
    form += [("sysparm_ck", person.token), ("sys_action", "update"), ("sys_mod_count", "0")]
    async with person.http.post(f"{site.url}/{CONFIGURATION}.do?sys_id={instance_id}", data=form) as answer:
        assert answer.status == 200
    await site.change(REQUEST, request, {"status": "Approve"})
    await site.clock.settle()
    delivered = (await site.call("GET", "/__admin/deliveries"))["deliveries"]
    assert [(each["request_id"], each["state"]) for each in delivered] == [(GUID, "delivered")]
    sent = (await site.call("GET", "/__admin/requests"))["requests"]
    assert SECRET not in json.dumps(sent)


async def test_duplicate_name_is_refused(site: Site) -> None:
    """Two pairs of the same name cannot be stored; a typed secret is not shown again."""
    sys_id = await site.register()
    person = await site.person()
    form = [("sysparm_ck", person.token), ("sys_action", "update"), ("sys_mod_count", "0")]
    for name, value in (("Password", "typed-anew"), ("Api Key", "typed-too"), ("Note", "1"), ("Note", "2"), ("", "3")):
        form += [(f"{NAME}.name", name), (f"{NAME}.value", value)]
    async with person.http.post(f"{site.url}/{CONFIGURATION}.do?sys_id={sys_id}", data=form) as answer:
        html = await answer.text()
    assert answer.status == 422
    assert "duplicate name &#39;Note&#39;" in html
    assert "typed" not in html
    assert len(await site.pairs(sys_id)) == 7


async def test_unchanged_pairs_write_nothing(site: Site) -> None:
    """An update with all pairs as they were shown leaves the record alone."""
    sys_id = await site.register()
    person = await site.person()
    pairs = await site.pairs(sys_id)
    form = [(f"{NAME}.name", name) for name in pairs] + [(f"{NAME}.value", value) for value in pairs.values()]
    form += [("sysparm_ck", person.token), ("sys_action", "update"), ("sys_mod_count", "0")]
    async with person.http.post(f"{site.url}/{CONFIGURATION}.do?sys_id={sys_id}", data=form) as answer:
        assert answer.status == 200
    assert (await site.read(CONFIGURATION, sys_id))["sys_mod_count"] == "0"


async def test_masked_pairs_keep_their_value(site: Site) -> None:
    """A pair whose name contains "secret" is masked too, and is written back unchanged."""
    sys_id = await site.insert(CONFIGURATION, {"instance_metadata": '{"API Key": "k-123", "Note": "a"}'})
    person = await site.person()
    html = (await person.get(f"/{CONFIGURATION}.do?sys_id={sys_id}")).html
    assert "k-123" not in html
    form = [("sysparm_ck", person.token), ("sys_action", "update"), ("sys_mod_count", "0")]
    for name, value in (("API Key", "********"), ("Note", "b")):
        form += [(f"{NAME}.name", name), (f"{NAME}.value", value)]
    async with person.http.post(f"{site.url}/{CONFIGURATION}.do?sys_id={sys_id}", data=form) as answer:
        assert answer.status == 200
    assert await site.pairs(sys_id) == {"API Key": "k-123", "Note": "b"}
