import html
import re
from io import BytesIO
from xml.sax.saxutils import escape

import pytest
from aiohttp import FormData

from mock_servicenow.ui.import_page import MOST_BYTES
from privman_core.pages.site import TOO_LARGE

from .conftest import Person, Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
INCIDENT = (
    "<incident action='INSERT_OR_UPDATE'><number>INC7</number><impact>high</impact><u_floor>3</u_floor></incident>"
)
COLUMN = (
    "<sys_dictionary><name>incident</name><element>u_floor</element><internal_type>integer</internal_type>"
    "</sys_dictionary>"
)
REMOTE = (
    "<sys_remote_update_set><name>r</name><remote_sys_id>1</remote_sys_id><remote_parent_id>1</remote_parent_id>"
    "</sys_remote_update_set>"
)
USERS = "".join(f"\n<sys_user><user_name>a</user_name><sys_id>{digit * 32}</sys_id></sys_user>" for digit in "12")
CIRCLE = "".join(
    f"\n<sys_db_object><name>u_c{own}</name><super_class name='u_c{parent}'>{parent * 32}</super_class>"
    f"<sys_id>{own * 32}</sys_id></sys_db_object>"
    for own, parent in ("12", "21")
)
TYPES = "".join(
    f"\n<sys_dictionary><name>incident</name><element>u_x</element><internal_type>{type_}</internal_type>"
    "</sys_dictionary>"
    for type_ in ("integer", "glide_date")
)
SETS = "".join(
    f"\n<sys_remote_update_set><name>{own}</name><sys_id>{own * 32}</sys_id><parent>{parent * 32}</parent>"
    "</sys_remote_update_set>"
    for own, parent in ("12", "23", "32", "42")
)


async def _upload(person: Person, text: str, token: str = "", encoding: str = "utf-8", **fields: str) -> Shown:
    form = FormData({"sysparm_ck": token or person.token, "sysparm_target": "incident"} | fields)
    form.add_field("attachFile", BytesIO(text.encode(encoding)), filename="instance.xml", content_type="text/xml")
    return await person.call("POST", "/sys_upload.do", data=form)


def _error(shown: Shown) -> str:
    found = re.search(r'id="refused">XML file ([^<]*)<', shown.html)
    return "" if found is None else html.unescape(found[1])


def _payload(text: str) -> str:
    update = f"<record_update>{text}</record_update>"
    return f"<unload>\n<sys_update_xml>\n<payload>{escape(update)}</payload></sys_update_xml></unload>"


@pytest.mark.long
async def test_an_administrator_uploads_an_export(site: Site) -> None:
    """The list's form imports columns and records, and leads back; what has no effect is shown, and a finding."""
    person = await site.person()
    assert 'href="/upload.do?sysparm_target=incident"' in (await person.get("/incident_list.do")).html
    assert 'name="attachFile"' in (await person.get("/upload.do?sysparm_target=incident")).html
    shown = await _upload(person, f"<unload>{INCIDENT}{COLUMN}</unload>")
    assert (shown.status, shown.url.removeprefix(site.url)) == (200, "/sys_upload.do")
    assert 'href="/incident_list.do">Continue<' in shown.html
    [row] = (await site.call("GET", "/api/now/table/incident?sysparm_query=number=INC7"))["result"]
    assert (row["u_floor"], row["impact"], row["sys_created_by"]) == ("3", "3", "admin")
    found = (await site.call("GET", "/__admin/findings"))["findings"]
    message = "incident 'INC7', column 'impact' has 'high'; expected a value of type integer: it was left out"
    assert message in [each["message"] for each in found]
    assert "1 thing was left out, or has no effect:" in shown.html
    assert f"<li>instance.xml:1: {message}</li>" in html.unescape(shown.html)
    back = await _upload(person, "<unload/>", sysparm_referring_url="problem_list.do")
    assert back.url.removeprefix(site.url) == "/problem_list.do"
    assert (await _upload(person, "<unload/>", sysparm_target="")).url.removeprefix(site.url) == "/"


async def test_others_may_not_upload(site: Site) -> None:
    """Users without the role admin, visitors, and forms of other pages are refused."""
    await site.add_user("keeper", "itil")
    keeper, visitor, person = await site.person("keeper"), await site.person(""), await site.person()
    assert "Import XML" not in (await keeper.get("/incident_list.do")).html
    assert (await keeper.get("/upload.do")).status == 403
    assert (await _upload(keeper, f"<unload>{INCIDENT}</unload>")).status == 403
    visitor.token = (await visitor.get("/login.do")).token
    assert "/login.do" in (await _upload(visitor, f"<unload>{INCIDENT}</unload>")).url
    assert (await _upload(person, f"<unload>{INCIDENT}</unload>", token="forged")).status == 403
    assert (await site.call("GET", "/api/now/table/incident?sysparm_query=number=INC7"))["result"] == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<unload>\n<incident>", "instance.xml:2: is not XML: it ends before its last element does"),
        ("\n ", "instance.xml:2: is empty; expected XML"),
        (
            "<?xml version='1.0' encoding='utf-7'?><unload/>",
            "instance.xml:1: is in an unknown encoding; expected UTF-8",
        ),
        (
            '<!DOCTYPE a [<!ENTITY x "y">]>\n<unload/>',
            "instance.xml:1: declares a document type; expected none, because",
        ),
        (f"<unload a='{'a' * 100_000}'/>", "instance.xml:1: has a tag of more than 65,536 bytes"),
        ("<html/>", "instance.xml:1: the document is 'html'; expected unload, xml, record_update or database"),
        ("<unload>\n<incidnt/></unload>", "instance.xml:2: table 'incidnt' (did you mean 'incident'?) is not defined"),
        ("<unload>\n<sys_none/><u_a/></unload>", "instance.xml:2: table 'u_a'"),
        (
            "<unload>\n<incident action='UPSERT'/></unload>",
            "instance.xml:2: a record of incident has action 'UPSERT'; exp",
        ),
        (_payload("<u_none action='INSERT_OR_UPDATE'/>"), "instance.xml:3: table 'u_none'"),
        (_payload("\n<incident>"), "instance.xml:4: the payload of an update is not XML: mismatched tag"),
        (
            f"<unload>{USERS}</unload>",
            "instance.xml:3: sys_user 'a' cannot be stored: ",
        ),
        (
            f"<unload>{SETS}</unload>",
            "instance.xml:3: sys_remote_update_set '2' is its own parent, directly or through others; expected",
        ),
        (
            f"<unload>\n{'<incident/>' * 2_001}</unload>",
            "incident is beyond what one upload may hold, 2,000 records",
        ),
        (
            "<unload>\n" + '<incident action="delete_multiple" query="active=true"/>' * 41 + "</unload>",
            "2,000 records (a table or a column counts as 20, or 50 if it is deleted; delete_multiple as 50 and",
        ),
        (
            f"<unload>\n{''.join(f'<sys_dictionary><name>u_{each}</name></sys_dictionary>' for each in range(101))}",
            "is beyond what one upload may hold, 2,000 records",
        ),
        (
            f"<unload>\n{REMOTE}</unload>",
            "instance.xml:2: sys_remote_update_set 'r' is its own parent, directly or through others; expected",
        ),
        (
            f"<unload>{CIRCLE}\n<u_c1/></unload>",
            "instance.xml:2: sys_db_object 'u_c1' extends itself, directly or through others; expected tables",
        ),
        (
            f"<unload>{TYPES}</unload>",
            "instance.xml:3: sys_dictionary 'incident.u_x' has type 'glide_date', and 'integer' in instance.xml:2",
        ),
        ("<unload>" + "<a>" * 18, "instance.xml:1: element 'a' is more than 16 elements deep"),
        (f"<unload><incident>{''.join(f'<a{n}/>' for n in range(5001))}", "has more than 5,000 fields"),
    ],
)
async def test_a_file_with_an_error_changes_nothing(site: Site, text: str, error: str) -> None:
    """The form shows one line with file and line; records before the error are not imported."""
    person = await site.person()
    shown = await _upload(person, text.replace("<unload>", f"<unload>{INCIDENT}{COLUMN}", 1))
    assert shown.status == 422
    assert error in _error(shown)
    assert (await site.call("GET", "/__admin/findings"))["findings"] == []
    assert (await site.call("GET", "/api/now/table/incident?sysparm_query=number=INC7"))["result"] == []
    assert (await site.call("GET", "/api/now/table/sys_dictionary?sysparm_query=element=u_floor"))["result"] == []


async def test_a_form_without_a_file_or_with_a_large_one(site: Site) -> None:
    """The form says that a file is missing; one that is too large is not read."""
    person = await site.person()
    shown = await person.post("/sys_upload.do", {"sysparm_target": "incident"})
    assert (shown.status, _error(shown)) == (422, "is empty; choose an XML file")
    large = await _upload(person, f"<unload>{' ' * MOST_BYTES}</unload>")
    assert large.status == 413
    assert TOO_LARGE.format(2) in large.html


async def test_bytes_that_are_not_utf_8_are_named(site: Site) -> None:
    """As of a file in Latin-1 that declares nothing else; one that declares it is read."""
    person = await site.person()
    text = f"<unload>{INCIDENT.replace('high', '1').replace('INC7', 'INCé')}{COLUMN}</unload>"
    shown = await _upload(person, text, encoding="latin-1")
    assert _error(shown) == (
        "instance.xml:1: is not XML: it has bytes that are not UTF-8; save it as UTF-8, or declare its encoding"
    )
    declared = await _upload(person, f"<?xml version='1.0' encoding='latin-1'?>{text}", encoding="latin-1")
    assert declared.url.removeprefix(site.url) == "/incident_list.do"


async def test_what_a_query_deletes_is_bounded(site: Site) -> None:
    """The matched records count; an upload that would delete too many deletes none. Deletions are not audited."""
    person = await site.person()
    rows = "".join(f"<cmn_location><name>Place {number}</name></cmn_location>" for number in range(1_951))
    assert (await _upload(person, f"<unload>{rows}</unload>")).status == 200
    deletion = '<unload>\n<cmn_location action="delete_multiple" query="nameSTARTSWITHPlace{}"/></unload>'
    places = "/api/now/stats/cmn_location?sysparm_count=true&sysparm_query=nameSTARTSWITHPlace"
    refused = await _upload(person, deletion.format(""))
    assert refused.status == 422
    assert "instance.xml:2: cmn_location is beyond what one upload may hold, 2,000 records" in _error(refused)
    assert (await site.call("GET", places))["result"]["stats"]["count"] == "1951"
    assert (await _upload(person, deletion.format("^name!=Place 7"))).status == 200
    assert (await site.call("GET", places))["result"]["stats"]["count"] == "1"
    assert (await site.call("GET", "/api/now/table/sys_audit_delete"))["result"] == []


KNOWN, OTHER = "a" * 32, "b" * 32


@pytest.mark.parametrize("other", ["", f"<sys_id>{OTHER}</sys_id>"])
@pytest.mark.parametrize(
    "first",
    [
        f"<sys_user_group><sys_id>{KNOWN}</sys_id><name>New</name></sys_user_group>",
        f"<sys_user_group action='DELETE'><sys_id>{KNOWN}</sys_id></sys_user_group>",
        "<sys_user_group action='DELETE'><name>Old</name></sys_user_group>",
        "<sys_user_group action='delete_multiple' query='name=Old'/>",
        "",
    ],
)
async def test_a_record_is_known_by_the_name_that_it_has(site: Site, first: str, other: str) -> None:
    """What the file has renamed or deleted before is not a later record with its old name; references follow."""
    await site.insert("sys_user_group", {"sys_id": KNOWN, "name": "Old", "description": "First"})
    person, second = await site.person(), f"<sys_user_group>{other}<name>Old</name><email>x</email></sys_user_group>"
    member = f"<sys_user_grmember><group>{OTHER}</group></sys_user_grmember>"
    assert (await _upload(person, f"<unload>{first}{second}{member}</unload>")).status == 200
    groups = (await site.call("GET", "/api/now/table/sys_user_group?sysparm_query=nameINOld,New"))["result"]
    by_name = {group["name"]: group for group in groups}
    assert len(by_name) == len(groups)
    assert ("New" in by_name) == ("New" in first)
    assert (by_name["Old"]["sys_id"] == KNOWN) == (not first)
    assert by_name["Old"]["email"] == "x"
    members = (await site.call("GET", "/api/now/table/sys_user_grmember?sysparm_query=userISEMPTY"))["result"]
    assert [row["group"]["value"] for row in members] == [by_name["Old"]["sys_id"] if other else OTHER]


async def test_a_record_renamed_since_the_last_upload_stays(site: Site) -> None:
    """The same file again makes another record."""
    person = await site.person()
    upload = "<unload><sys_user_group><name>Old</name></sys_user_group></unload>"
    named = "/api/now/table/sys_user_group?sysparm_query=nameINOld,New^ORDERBYname"
    await _upload(person, upload)
    [group] = (await site.call("GET", named))["result"]
    await site.change("sys_user_group", group["sys_id"], {"name": "New"})
    for _ in range(2):
        await _upload(person, upload)
        assert [each["name"] for each in (await site.call("GET", named))["result"]] == ["New", "Old"]
