"""Small clients of PyPI: two of SOAP, one of JSONv2, one of REST.

``servicenow`` has a driver for SOAP, too, which needs Python 2.
"""

import json
from pathlib import Path

from .conftest import Install, Run, Serve

# What the package soap_snow exports it imports from a module that it lacks, so its only other file is run by its path.
SOAP = """
import json, pathlib, runpy, soapsnow
from xml.etree import ElementTree
module = pathlib.Path(soapsnow.__file__).parents[1] / "soap_snow/soap_snow.py"
snow = runpy.run_path(str(module))["SOAPSnow"]("admin", "admin", "dev12345")

def found(answer):
    assert answer.status_code == 200, answer.text
    return [{each.tag: each.text for each in part.iter()} for part in ElementTree.fromstring(answer.text)[1][0]]

def merged(answer):
    return {name: text for part in found(answer) for name, text in part.items()}

made = merged(snow.request(method="insert", endpoint="incident", payload={
    "short_description": "This is a test.", "assignment_group": "Network", "severity": 3}))
asked = {"sys_id": made["sys_id"]}
snow.request(method="update", endpoint="incident", payload={
    **asked, "state": 2, "work_notes": "A test.", "severity": ""})
shown = merged(snow.request(method="get", endpoint="incident", display_value="true", payload=asked))
snow.request(method="update", endpoint="incident", allow_empty_value="true", payload={**asked, "severity": ""})
both = merged(snow.request(method="get", endpoint="incident", display_value="all", payload=asked))
page = found(snow.request(method="getRecords", endpoint="incident", display_value="true", payload={
    "active": 1, "__encoded_query": "state!=6^short_descriptionLIKEemail", "__limit": 1}))
small = soapsnow.SOAPSnow("admin", "admin", "https://dev12345.service-now.com/sys_journal_field.do?SOAP")
notes = found(small.req("getRecords", element_id=made["sys_id"], element="work_notes"))
refused = small.req("fetch").text
gone = merged(snow.request(method="deleteRecord", endpoint="incident", payload=asked))
print(json.dumps({
    "shown": shown, "both": both, "page": page, "notes": notes, "refused": refused, "gone": gone["count"]}))
"""
JSON = """
import json
from servicenow.Connection import Auth
from servicenow.ServiceNow import Incident, Journal, User
connection = Auth("admin", "admin", "dev12345", api="JSONv2")
incidents = Incident(connection)
made = incidents.create({"short_description": "by servicenow", "caller_id": "System Administrator"})["records"][0]
several = incidents.create_multiple({"records": [{"short_description": "one"}, {"short_description": "two"}]})
changed = incidents.update({"number": made["number"]}, {"short_description": "changed", "work_notes": "noted"})
print(json.dumps({
    "keys": incidents.list({"short_description": "changed"})["records"] == [made["sys_id"]],
    "by query": incidents.list_by_query("short_descriptionINone,two")["records"]
        == [each["sys_id"] for each in several["records"]],
    "one": incidents.fetch_one({"number": made["number"]}, params={"displayvalue": "all"}),
    "changed": changed["records"][0]["short_description"],
    "recent": len(incidents.last_updated(5, {"sys_created_by": "admin"})["records"]),
    "notes": Journal(connection).fetch_all({"element_id": made["sys_id"]})["records"],
    "user": User(connection).fetch_one({"user_name": "admin"})["name"],
    "deleted": incidents.delete_multiple("short_descriptionINone,two")["records"],
    "gone": incidents.delete(made["sys_id"])["records"][0]["__status"],
}))
"""
REST = """
import json
from pyrestsdk.credential import BasicCredential
from pyservicenow.core import ServiceNowClient
from pyservicenow.types.enums import DisplayValue
from pyservicenow.types.models import QueryBuilder
client = ServiceNowClient(BasicCredential("admin", "admin"), "dev12345")

def numbered(number):
    query = QueryBuilder().field("number").equals(number)
    return client.Now.v2.table_api("incident").request.sysparam_limit(1).sysparam_query(query)

one = numbered("INC0000060").Get.invoke_request[0]
both = numbered("INC0000059").display_value(DisplayValue.ALL).exclude_reference_link(True).Get.invoke_request[0]
print(json.dumps({
    "one": [one["short_description"].actual_value, str(one.sys_created_on)],
    "caller": both["caller_id"].display_value,
    "attachments": client.Now.v2.attachment_api.request.sysparam_limit(1).Get.invoke_request,
    "user": client.Now.v2.ui_api.User.current_user.request.Get.invoke_request["user_display_name"].actual_value,
}))
"""
# Of what its packages demand, Kerberos alone needs headers of the system; nobody here logs in by it.
WITHOUT_KERBEROS = "gssapi; python_version < '3'\nkrb5; python_version < '3'\n"


async def test_soap(python_client: Install, succeed: Run, named_instance: Serve, tmp_path: Path) -> None:
    """soap-snow and soapsnow write, read and delete; an empty element clears only where they ask for that."""
    programs = await python_client("soap-snow", "soapsnow")
    async with named_instance() as settings:
        output = await succeed(str(programs / "python"), "-c", SOAP, folder=tmp_path, **settings)
    told = json.loads(output)
    shown, both = told["shown"], told["both"]
    assert (shown["assignment_group"], shown["state"], shown["severity"]) == ("Network", "In Progress", "3 - Low")
    assert (both["dv_assignment_group"], both["state"], both["severity"]) == ("Network", "2", None)
    assert [each["short_description"] for each in told["page"]] == ["Performance problems with email"]
    assert [each["value"] for each in told["notes"]] == ["A test."]
    assert "Unsupported SOAP operation fetch" in told["refused"]
    assert told["gone"] == "1"


async def test_jsonv2(python_client: Install, succeed: Run, named_instance: Serve, tmp_path: Path) -> None:
    """``servicenow`` calls every action of JSONv2 that it knows."""
    programs = await python_client("servicenow")
    async with named_instance() as settings:
        output = await succeed(str(programs / "python"), "-c", JSON, folder=tmp_path, **settings)
    told = json.loads(output)
    assert (told["keys"], told["by query"], told["changed"], told["gone"]) == (True, True, "changed", "success")
    assert (told["one"]["dv_caller_id"], told["user"]) == ("System Administrator", "System Administrator")
    assert (told["recent"], len(told["deleted"])) == (3, 2)
    assert [each["value"] for each in told["notes"]] == ["noted"]


async def test_rest(python_client: Install, succeed: Run, named_instance: Serve, tmp_path: Path) -> None:
    """``pyservicenow`` reads records, both kinds of values, attachments and the user who asks."""
    overrides = tmp_path / "overrides.txt"
    overrides.write_text(WITHOUT_KERBEROS)
    programs = await python_client("--override", str(overrides), "pyservicenow")
    async with named_instance() as settings:
        output = await succeed(str(programs / "python"), "-c", REST, folder=tmp_path, **settings)
    assert json.loads(output) == {
        "one": ["Unable to connect to email", "2026-01-05 09:00:00"],
        "caller": "Abel Tuter",
        "attachments": [],
        "user": "System Administrator",
    }
