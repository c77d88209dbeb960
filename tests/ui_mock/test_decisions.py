import json

import pytest

from .conftest import ACTIVITY_TYPE, REQUEST, RESPONSE, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_activity_type_defines_the_decision(site: Site) -> None:
    """Comment, duration and responses are offered as the activity type allows."""
    sys_id = await site.ask(include_comment="false", include_duration="false", valid_responses="Deny,Maybe")
    html = (await (await site.person("privman.approver")).get(f"/{REQUEST}.do?sys_id={sys_id}")).html
    assert "decision.comment" not in html
    assert "decision.duration" not in html
    assert 'value="decide:Maybe"' in html
    assert "decide:Approve" not in html


async def test_reader_cannot_decide(site: Site) -> None:
    """A user without write access sees no buttons, and their posted decision is refused."""
    sys_id = await site.ask()
    await site.add_user("reader", "web_service_admin")
    reader = await site.person("reader")
    shown = await reader.get(f"/{REQUEST}.do?sys_id={sys_id}")
    assert "You can read this request, but not decide it." in shown.html
    assert (shown.status, "decide:" in shown.html, "I need it" in shown.html) == (200, False, True)
    values = {"sys_action": "decide:Approve", "sys_mod_count": "0"}
    refused = await reader.post(f"/{REQUEST}.do?sys_id={sys_id}", values)
    assert (refused.status, "ACL Exception Update Failed" in refused.html) == (403, True)
    assert (await site.read(REQUEST, sys_id))["status"] == "Pending"


async def test_a_request_without_valid_responses_says_so(site: Site) -> None:
    """It has no button, and the form says why."""
    html = (await (await site.person()).get(f"/{REQUEST}.do?sys_id={await site.ask(valid_responses=' ,')}")).html
    assert ("its activity type has no valid responses" in html, "decide:" in html) == (True, False)


async def test_concurrent_decisions_have_one_winner(site: Site) -> None:
    """The second of two decisions is refused and overwrites nothing."""
    sys_id = await site.ask()
    first, second = await site.person("privman.approver"), await site.person("privman.admin")
    path = f"/{REQUEST}.do?sys_id={sys_id}"
    assert (await first.post(path, {"sys_action": "decide:Deny", "sys_mod_count": "0"})).status == 200
    refused = await second.post(path, {"sys_action": "decide:Approve", "sys_mod_count": "0"})
    assert (refused.status, "privman.approver changed it at 2026-01-05 01:00:0" in refused.html) == (409, True)
    assert "The decision was not recorded" in refused.html
    assert (await site.read(REQUEST, sys_id))["status"] == "Deny"


async def test_invalid_duration_decides_nothing(site: Site) -> None:
    """The form is shown again with the error and the comment."""
    sys_id = await site.ask()
    person = await site.person("privman.approver")
    values = {"decision.duration.hours": "soon", "decision.comment": "typed", "sys_mod_count": "0"}
    shown = await person.post(f"/{REQUEST}.do?sys_id={sys_id}", values | {"sys_action": "decide:Approve"})
    assert shown.status == 422
    assert "invalid hours &#39;soon&#39;" in shown.html
    assert ">typed</textarea>" in shown.html
    assert (await site.read(REQUEST, sys_id))["status"] == "Pending"


async def test_refusing_rule_is_named(site: Site) -> None:
    """A decision is an ordinary update, so business rules can refuse it; a finding gives the reason."""
    sys_id = await site.ask()
    person = await site.person("privman.approver")
    values = {"sys_action": "decide:Maybe", "sys_mod_count": "0"}
    shown = await person.post(f"/{REQUEST}.do?sys_id={sys_id}", values)
    assert (shown.status, "Admit decision" in shown.html) == (403, True)
    found = (await site.call("GET", "/__admin/findings"))["findings"]
    assert any("expected one of Approve, Deny" in each["message"] for each in found)


async def test_request_of_a_deleted_activity_type_can_be_decided(site: Site) -> None:
    """A pending request keeps the terms of its activity type; metadata that is not an object shows no details."""
    sys_id = await site.ask()
    activity_type_id = (await site.read(REQUEST, sys_id))["activity_type_id"]
    await site.change(REQUEST, sys_id, {"metadata": "[1]"})
    await site.call("DELETE", f"/api/now/table/{ACTIVITY_TYPE}/{activity_type_id}")
    person = await site.person("privman.approver")
    html = (await person.get(f"/{REQUEST}.do?sys_id={sys_id}")).html
    assert ("decide:Approve" in html, "decide:Deny" in html) == (True, True)
    await site.change(REQUEST, sys_id, {"metadata": "{"})
    assert "<dt>" not in (await person.get(f"/{REQUEST}.do?sys_id={sys_id}")).html.split("Responses to this")[0]


async def test_form_shows_the_first_thousand_details(site: Site) -> None:
    """Metadata of any size leaves the page readable."""
    sys_id = await site.ask()
    await site.change(REQUEST, sys_id, {"metadata": json.dumps({f"Fact{number}": "x" for number in range(1_001)})})
    html = (await (await site.person("privman.approver")).get(f"/{REQUEST}.do?sys_id={sys_id}")).html
    assert ("<dt>Fact999<" in html, "<dt>Fact1000<" in html) == (True, False)


async def test_request_links_to_its_responses(site: Site) -> None:
    """The form of a request links to the list of its responses."""
    sys_id = await site.ask()
    html = (await (await site.person("privman.approver")).get(f"/{REQUEST}.do?sys_id={sys_id}")).html
    assert f"/{RESPONSE}_list.do?sysparm_query=request={sys_id}" in html


async def test_decision_works_without_script(site: Site) -> None:
    """Hours, minutes and seconds of a decision become one duration."""
    sys_id = await site.ask()
    person = await site.person("privman.approver")
    values = {"decision.duration.hours": "2", "decision.duration.seconds": "5", "decision.comment": "for now"}
    path = f"/{REQUEST}.do?sys_id={sys_id}"
    shown = await person.post(path, values | {"sys_mod_count": "0", "sys_action": "decide:Approve"})
    assert (shown.status, "Decision recorded" in shown.html) == (200, True)
    record = await site.read(REQUEST, sys_id)
    assert (record["comment"], record["duration"]) == ("for now", "1970-01-01 02:00:05")


async def test_refused_request_names_its_field(site: Site) -> None:
    """The rule's reason is beside the field that it names."""
    shown = await (await site.person()).post(f"/{REQUEST}.do?sys_id=-1", {"sys_action": "insert"})
    assert "business rule &#39;Accept request&#39; aborted it" in shown.html
    assert "</a>: is &#39;&#39;; expected a registered Instance Id</li>" in shown.html
