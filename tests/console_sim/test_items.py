"""Policies, filters, actions, reports and tasks in the API (thycotic/privmanapi-docs)."""

from pathlib import Path
from typing import Any

import pytest

from console_sim.settings import Settings

from .conftest import ConsoleUnderTest

V1 = "/Tms/services/api/v1"
POLICY = "44290cc3-9c86-4995-aa33-79b8ee74daf7"
FILTER = "df207907-9f9a-4777-afea-ff786d5399f2"
ACTION = "54bfa458-bdfc-4e1b-8033-9c7888179f6c"
REPORT = "85fedb4c-5110-4291-8de9-907294ab10bb"
TASK = "38775f9e-9995-49de-8732-4994d0d2332a"
NOBODY = "85d71683-7dac-4762-8120-76a9a564fdc1"
READ = (
    *("policies/GetAll", f"policies/{POLICY}", "filters/GetAll", f"filters/{FILTER}"),
    *("actions/GetAll", f"actions/{ACTION}"),
)
FILTERS = {"Filters": [{"Id": FILTER, "FilterRole": 1}]}


class Client:
    """A logged-on client of the API."""

    def __init__(self, console: ConsoleUnderTest, token: str) -> None:
        self._console = console
        self._headers = {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Return status and JSON body of the answer to a call below the API's root."""
        return await self._console.call(method, f"{V1}/{path}", body, headers=self._headers, **options)

    async def send(self, method: str, path: str, text: str) -> tuple[int, Any]:
        """Send a body as it is written, and return status and JSON body of the answer."""
        headers = self._headers | {"Content-Type": "application/json"}
        return await self._console.call(method, f"{V1}/{path}", data=text.encode(), headers=headers)

    async def result(self, method: str, path: str, body: Any = None) -> Any:
        """Return the Result of a call that succeeds."""
        status, answer = await self.call(method, path, body)
        assert (status, answer["Status"], answer["Messages"]) == (200, "ok", []), answer
        return answer["Result"]

    async def refusal(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Return status and message of a refusal."""
        status, answer = await self.call(method, path, body)
        assert (answer["Result"], answer["Status"]) == (None, "error")
        return status, answer["Messages"][0]


@pytest.fixture
async def client(console: ConsoleUnderTest) -> Client:
    """A client with the token of the set-up's administrator."""
    return Client(console, await console.log_on())


async def test_documented_ids_are_there(client: Client) -> None:
    """The ids that the pages print, with the names that they say."""
    assert (await client.result("GET", f"policies/{POLICY}"))["Name"] == (
        "Elevate Privilege Manager Remove Programs Utility Policy"
    )
    name = (await client.result("GET", f"filters/{FILTER}"))["Name"]
    assert name == "Administrative Rights Required Application Compatibility Filter"
    assert (await client.result("GET", f"actions/{ACTION}"))["Name"] == "Add Administrative Rights"


@pytest.mark.parametrize("kind", ["policies", "filters", "actions"])
async def test_lists_have_their_total(client: Client, kind: str) -> None:
    """Total counts Result, and what is listed can be read by its id, in any case and in braces."""
    status, answer = await client.call("GET", f"{kind}/GETALL/")
    assert (status, answer["Total"]) == (200, len(answer["Result"]))
    for item in answer["Result"]:
        assert await client.result("GET", f"{kind}/%7B{item['Id'].upper()}%7D") == item


async def test_new_policy_is_inactive(client: Client) -> None:
    """Its id is the Result; by default it is inactive (policies/index.md)."""
    new = {"Name": "Elevate packages", "Description": "From the tests", "OS": "mac"}
    policy_id = await client.result("POST", "policies/new", new)
    made = {"Id": policy_id, **new, "Enabled": False, "Filters": [], "Actions": []}
    assert await client.result("GET", f"policies/{policy_id}") == made


async def test_filters_are_added_and_removed_with_their_role(client: Client) -> None:
    """Once each; one that is not there is removed without complaint."""
    other = {"Id": FILTER, "FilterRole": 3}
    both = {"Filters": [*FILTERS["Filters"], other, other]}
    assert await client.result("POST", f"policies/{POLICY}/add-filters", both) == POLICY
    assert await client.result("POST", f"policies/{POLICY}/add-filters", FILTERS) == POLICY
    assert (await client.result("GET", f"policies/{POLICY}"))["Filters"] == [FILTERS["Filters"][0], other]
    for _ in range(2):
        await client.result("POST", f"policies/{POLICY}/remove-filters", FILTERS)
    assert (await client.result("GET", f"policies/{POLICY}"))["Filters"] == [other]


async def test_actions_are_added_and_removed(client: Client) -> None:
    """A child action is another than the same action itself; keys may be in any case."""
    child = {"actions": [{"id": f"{{{ACTION}}}", "ischildaction": True, "$type": "ActionModel, Client"}]}
    await client.result("POST", f"policies/{POLICY}/add-actions", child)
    shown = (await client.result("GET", f"policies/{POLICY}"))["Actions"]
    assert shown == [{"Id": ACTION, "IsChildAction": False}, {"Id": ACTION, "IsChildAction": True}]
    await client.result("POST", f"policies/{POLICY}/remove-actions", {"Actions": [{"Id": ACTION}]})
    assert (await client.result("GET", f"policies/{POLICY}"))["Actions"] == shown[1:]


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_policy_is_made_active_and_inactive(client: Client, method: str) -> None:
    """By POST, as the page says, and by GET, as it prints."""
    for word, enabled in (("True", True), ("false", False)):
        assert await client.result(method, f"policies/{POLICY}/enable/{word}") == POLICY
        assert (await client.result("GET", f"policies/{POLICY}"))["Enabled"] is enabled


async def test_head_changes_nothing(client: Client) -> None:
    """It answers an address that GET reads, and no other: the GET that makes a policy active gets 405."""
    before = await client.result("GET", f"policies/{POLICY}")
    for word in ("true", "false"):
        assert await client.call("HEAD", f"policies/{POLICY}/enable/{word}") == (405, None)
        assert await client.result("GET", f"policies/{POLICY}") == before
    for path in (*READ, "version/Current"):
        assert await client.call("HEAD", path) == (200, None)


async def test_policies_decide_where_requests_go(console: ConsoleUnderTest, client: Client) -> None:
    """What the API changes holds for the endpoint: an inactive policy asks nobody."""
    policies = await client.result("GET", "policies/GetAll")
    asking = next(each for each in policies if each["Enabled"])
    await client.result("POST", f"policies/{asking['Id']}/enable/false")
    body = {"metadata": {"PolicyId": f"{{{asking['Id']}}}"}}
    assert (await console.call("POST", "/__admin/approval-requests", body))[0] == 409


async def test_report_as_printed(client: Client) -> None:
    """Without an envelope: the type, columns with their six keys, and rows as lists in their order."""
    status, answer = await client.call("POST", f"reports/{REPORT}?bTestMode=false", [])
    assert (status, answer["$type"]) == (200, "Thycotic.Tms.Managers.ThinResults, Thycotic.Tms")
    assert answer["Columns"][:2] == [
        {
            "$type": "Thycotic.Tms.Managers.Column, Thycotic.Tms",
            "field": f"[{place}]",
            "title": name,
            "columnName": name,
            "hidden": place == 0,
            "format": None,
            "dataType": kind,
        }
        for place, (name, kind) in enumerate([("_ItemId", "System.Guid"), ("Computer Name", "System.String")])
    ]
    assert {len(row) for row in answer["Data"]} == {len(answer["Columns"])}


async def test_parameters_select_rows(console: ConsoleUnderTest, client: Client) -> None:
    """One that is named like a column selects by it; another one is a finding, and ignored."""
    parameters = [{"Name": "Computer Name", "Value": "WKS-0417"}, {"Name": "Days", "Value": 7}]
    for body in (parameters, {"reportId": REPORT, "PARAMETERVALUES": parameters}):
        _, answer = await client.call("POST", f"reports/{REPORT}", body)
        assert [row[1] for row in answer["Data"]] == ["WKS-0417", "WKS-0417"]
    findings = (await console.admin("GET", "/findings"))["findings"]
    assert [each["rule"] for each in findings] == ["report-parameter-ignored"] * 2
    assert "'Days'" in findings[0]["message"]


PRINTED_TASK = """[
       {
        "Name":"WmiClasses",
        "Value":{
        "type":"http://schemas.arellia.com/dc/:ObjectWrapper", "ValueType":"System.String[]", "Value":[ "ROOT\\\\CIMV2:WIN32_ComputerSystemProduct", "ROOT\\\\CIMV2:Win32_ComputerSystem", "ROOT\\\\CIMV2:Win32_OperatingSystem" ] 
        } 
       }, 
       {
        "Name":"ResourceIds", 
        "Value":{ 
        "type":"Arellia.Serialization.ObjectWrapper, Arellia.Core", "ValueType":"System.Guid[]",
        "Value":["1d406d08-ffeb-463f-b3d1-6fd790f5a358"]
        }
       }
      ]"""  # noqa: E501, W291 - as printed
PRINTED_FILTERS = """{
  "Filters": [
    {
      "Id": "string",
      "FilterRole": 1
    }
  ]
}"""
PRINTED_ACTIONS = """{
  "Actions": [
    {
      "Id": "string",
      "IsChildAction": true
    }
  ]
}"""
PRINTED_POLICY = """{
  "Name": "string",
  "Description": "string",
  "OS": "string"
}"""


async def test_task_as_documented(client: Client) -> None:
    """The body of tasks/index.md as printed, and its parameter instanceName; each run has an id."""
    runs = [await client.send("POST", f"tasks/{TASK}?instanceName=TestAPI", PRINTED_TASK) for _ in range(2)]
    assert [(status, answer["Status"]) for status, answer in runs] == [(200, "ok")] * 2
    assert runs[0][1]["Result"] != runs[1][1]["Result"]


@pytest.mark.parametrize("kind", ["policies", "filters", "actions"])
async def test_lists_are_read_with_the_printed_body(client: Client, kind: str) -> None:
    """Each page prints ``{ }`` below its GET."""
    assert await client.send("GET", f"{kind}/GetAll", "{ }") == await client.call("GET", f"{kind}/GetAll")


async def test_policies_are_changed_with_the_printed_bodies(client: Client) -> None:
    """As policies/index.md prints them, with an id in place of "string"."""
    for kind, body, item_id in (("filters", PRINTED_FILTERS, FILTER), ("actions", PRINTED_ACTIONS, ACTION)):
        before = await client.result("GET", f"policies/{POLICY}")
        printed = body.replace('"string"', f'"{item_id}"')
        assert (await client.send("POST", f"policies/{POLICY}/add-{kind}", printed))[0] == 200
        added = (await client.result("GET", f"policies/{POLICY}"))[kind.title()]
        assert added[-1]["Id"] == item_id
        assert len(added) == len(before[kind.title()]) + 1
        assert (await client.send("POST", f"policies/{POLICY}/remove-{kind}", printed))[0] == 200
        assert await client.result("GET", f"policies/{POLICY}") == before


async def test_policy_is_created_with_the_printed_body(client: Client) -> None:
    """As policies/index.md prints it, with a system in place of the last "string"."""
    status, answer = await client.send("POST", "policies/new", PRINTED_POLICY.replace('"OS": "string"', '"OS": "win"'))
    assert status == 200
    made = await client.result("GET", f"policies/{answer['Result']}")
    assert (made["Name"], made["Description"], made["OS"]) == ("string", "string", "win")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("policies/new", PRINTED_POLICY, "'OS' is 'string'; expected win or mac"),
        (f"policies/{POLICY}/add-filters", PRINTED_FILTERS, "'Id' is 'string'; expected a GUID"),
        (f"policies/{POLICY}/remove-actions", PRINTED_ACTIONS, "'Id' is 'string'; expected a GUID"),
        (
            f"reports/{REPORT}",
            '{\n  "reportId": "string",\n  "parameterValues": "array",\n}',
            "the body is not JSON: ",
        ),
        (
            f"tasks/{TASK}",
            '{\n  "taskId": "string",\n  "instanceName": "string",\n  "inputParameterValues": "array"\n}',
            "'inputParameterValues' is 'array'; expected a list",
        ),
    ],
)
async def test_printed_placeholders_are_refused(client: Client, path: str, body: str, message: str) -> None:
    """The printed bodies have the types in place of values, and that of reports has a comma too many: 400."""
    status, answer = await client.send("POST", path, body)
    assert (status, answer["Messages"][0][: len(message)]) == (400, message)


VIEWING = ("Users", "Administrators", "MacOS Administrators", "Windows Administrators", "Unix/Linux Administrators")
ROLES = (*VIEWING, "Helpdesk Users", "View Passwords", "Field Engineering")


@pytest.mark.long
@pytest.mark.parametrize("role", ROLES)
async def test_roles_allow_what_the_table_says(console: ConsoleUnderTest, client: Client, role: str) -> None:
    """View All Items, View Reports, Run Tasks and Modify Policies of app-roles.md; a policy is of one system."""
    mac = await client.result("POST", "policies/new", {"Name": "Mac", "OS": "mac"})
    await console.admin("POST", "/api-user", {"role": role})
    views, runs = role in VIEWING, role in VIEWING and role != "Users"
    for path in READ:
        assert (await client.call("GET", path))[0] == (200 if views else 403), path
    assert (await client.call("POST", f"reports/{REPORT}"))[0] == (200 if views else 403)
    assert (await client.call("POST", f"tasks/{TASK}"))[0] == (200 if runs else 403)
    windows, apple = (
        role in {"Administrators", "Windows Administrators"},
        role
        in {
            "Administrators",
            "MacOS Administrators",
        },
    )
    for policy, allowed, system in ((POLICY, windows, "win"), (mac, apple, "mac")):
        status = 200 if allowed else 403
        assert (await client.call("POST", f"policies/{policy}/enable/true"))[0] == status
        assert (await client.call("POST", f"policies/{policy}/add-filters", FILTERS))[0] == status
        new = {"Name": f"New {system}", "OS": system}
        assert (await client.call("POST", "policies/new", new))[0] == status


async def test_roles_add_up(console: ConsoleUnderTest, client: Client) -> None:
    """Of several roles each allows its part; the refusal names what is missing."""
    await console.admin("POST", "/api-user", {"roles": ["Helpdesk Users", "MacOS Administrators"]})
    await client.result("POST", "policies/new", {"Name": "Mac", "OS": "mac"})
    assert await client.refusal("POST", f"policies/{POLICY}/enable/true") == (
        403,
        "no role of the API user may change policies for 'win'",
    )
    await console.admin("POST", "/api-user", {"roles": ["Helpdesk Users"]})
    assert await client.refusal("GET", "policies/GetAll") == (403, "the API user has no role with 'View All Items'")


@pytest.mark.long
@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", f"policies/{NOBODY}", f"policy '{NOBODY}' does not exist"),
        ("GET", "policies/new", "policy 'new' does not exist"),
        ("GET", f"filters/{ACTION}", f"filter '{ACTION}' does not exist"),
        ("GET", f"actions/{FILTER}", f"action '{FILTER}' does not exist"),
        ("POST", f"policies/{NOBODY}/enable/true", f"policy '{NOBODY}' does not exist"),
        ("POST", f"reports/{TASK}", f"report '{TASK}' does not exist"),
        ("POST", f"tasks/{REPORT}", f"task '{REPORT}' does not exist"),
    ],
)
async def test_unknown_item_is_named(client: Client, method: str, path: str, message: str) -> None:
    """404 with its kind and its id."""
    assert await client.refusal(method, path) == (404, message)


async def test_unknown_parts_change_nothing(client: Client) -> None:
    """A policy gets all of the filters, or none."""
    before = await client.result("GET", f"policies/{POLICY}")
    filters = {"Filters": [*FILTERS["Filters"], {"Id": NOBODY, "FilterRole": 1}]}
    assert await client.refusal("POST", f"policies/{POLICY}/add-filters", filters) == (
        404,
        f"filter '{NOBODY}' does not exist",
    )
    actions = {"Actions": [{"Id": NOBODY}]}
    assert (await client.refusal("POST", f"policies/{POLICY}/add-actions", actions))[0] == 404
    assert await client.result("GET", f"policies/{POLICY}") == before


NEW = {"Name": "P", "OS": "win"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("policies/new", None, "the body is None; expected an object with Name, Description, OS"),
        ("policies/new", ["P"], "the body is ['P']; expected an object with Name, Description, OS"),
        ("policies/new", {"OS": "win"}, "'Name' is missing; expected text"),
        ("policies/new", {**NEW, "Name": "  "}, "'Name' is empty; expected text"),
        ("policies/new", {**NEW, "Name": "x" * 251}, "'Name' has 251 characters; expected at most 250"),
        ("policies/new", {**NEW, "Description": "x" * 4001}, "'Description' has 4001 characters; expected 0 to 4000"),
        ("policies/new", {**NEW, "OS": "linux"}, "'OS' is 'linux'; expected win or mac"),
        ("policies/new", {**NEW, "name": " "}, "'Name' is empty; expected text"),
        (f"policies/{POLICY}/add-filters", {"Filters": {}}, "'Filters' is {}; expected a list"),
        (f"policies/{POLICY}/add-filters", {"Filters": [FILTER]}, f"the body lists '{FILTER}'; expected objects with"),
        (f"policies/{POLICY}/add-filters", {"Filters": [{"Id": FILTER}]}, "'FilterRole' is None; expected 1, 2 or 3"),
        (
            f"policies/{POLICY}/add-filters",
            {"Filters": [{"Id": FILTER, "FilterRole": True}]},
            "'FilterRole' is True; expected 1, 2 or 3",
        ),
        (
            f"policies/{POLICY}/remove-filters",
            {"Filters": [{"Id": "x", "FilterRole": 1}]},
            "'Id' is 'x'; expected a GUID",
        ),
        (f"policies/{POLICY}/add-filters", {"Filters": [{}] * 1001}, "the body lists 1001; expected at most 1000"),
        (
            f"policies/{POLICY}/add-actions",
            {"Actions": [{"Id": ACTION, "IsChildAction": 1}]},
            "'IsChildAction' is 1; expected true or false",
        ),
        (f"policies/{POLICY}/enable/perhaps", None, "'enable' is 'perhaps'; expected true or false"),
        (f"reports/{REPORT}", "string", "the body is 'string'; expected an object with reportId, parameterValues"),
        (f"reports/{REPORT}", {"parameterValues": "array"}, "'parameterValues' is 'array'; expected a list"),
        (f"reports/{REPORT}", [{"Value": 7}], "'Name' is missing; expected text"),
        (f"tasks/{TASK}", [7], "the body lists 7; expected objects with Name and Value"),
    ],
)
async def test_malformed_body_is_named(client: Client, path: str, body: Any, message: str) -> None:
    """400 that names the key, shows the value and says what was expected; nothing changes."""
    before = await client.call("GET", "policies/GetAll")
    status, told = await client.refusal("POST", path, body)
    assert (status, told[: len(message)]) == (400, message)
    assert await client.call("GET", "policies/GetAll") == before


async def test_names_of_policies_are_unique(client: Client) -> None:
    """A second policy of a name gets 400."""
    await client.result("POST", "policies/new", NEW)
    assert await client.refusal("POST", "policies/new", NEW) == (400, "policy 'P' exists; expected another name")


@pytest.mark.long
async def test_policies_fill_no_memory(client: Client) -> None:
    """Their number has a bound; one has each filter and action once in each way, however often they are added."""
    for spelling in (FILTER, FILTER.upper(), f"{{{FILTER}}}"):
        filters = [{"Id": spelling, "FilterRole": role} for role in (1, 2, 3, 1.0)] * 250
        await client.result("POST", f"policies/{POLICY}/add-filters", {"Filters": filters})
    many = {"Actions": [{"Id": ACTION, "IsChildAction": child} for child in (True, False)] * 500}
    assert await client.result("POST", f"policies/{POLICY}/add-actions", many) == POLICY
    shown = await client.result("GET", f"policies/{POLICY}")
    assert (len(shown["Filters"]), len(shown["Actions"])) == (3, 2)
    refusal = 200, ""
    for number in range(1_001):
        status, answer = await client.call("POST", "policies/new", {"Name": f"P{number}", "OS": "win"})
        refusal = status, "".join(answer["Messages"])
        if status != 200:
            break
    assert refusal == (
        400,
        "no room for another policy: there are 1,000, which is the limit; change one of these, or reset the console",
    )
    assert (await client.call("GET", "policies/GetAll"))[1]["Total"] == 1_000


@pytest.mark.long
async def test_long_policies_fill_no_memory(client: Client) -> None:
    """All together have a bound, too, so that a list of them is short enough to be written at once."""
    new = {"Description": "x" * 4_000, "OS": "win"}
    status, answer = 200, dict[str, object]()
    for number in range(1_000):
        status, answer = await client.call("POST", "policies/new", {"Name": f"P{number}", **new})
        if status != 200:
            break
    told = (
        "no room for this policy: with it, all of this kind would have 2,049 KiB; the limit is 2,048 KiB; "
        "shorten this or another policy, or reset the console"
    )
    assert (status, answer["Messages"]) == (400, [told])
    assert len((await client.call("GET", "policies/GetAll"))[1]["Result"]) < 520


async def test_body_must_be_json(client: Client) -> None:
    """Another media type gets 415; no body at all is as good as no parameters."""
    assert (await client.call("POST", f"reports/{REPORT}", data=b"a=b"))[0] == 415
    assert (await client.call("POST", f"reports/{REPORT}"))[0] == 200
    assert (await client.call("POST", f"tasks/{TASK}"))[0] == 200


async def test_policies_survive_a_restart_of_the_console(client: Client, console: ConsoleUnderTest) -> None:
    """And a reset leaves those of the product."""
    await client.result("POST", "policies/new", NEW)
    await client.result("POST", f"policies/{POLICY}/enable/true")
    await console.admin("POST", "/restart")
    again = Client(console, await console.log_on())
    assert (await again.result("GET", f"policies/{POLICY}"))["Enabled"]
    await console.admin("POST", "/reset")
    await console.set_up()
    fresh = Client(console, await console.log_on())
    assert not (await fresh.result("GET", f"policies/{POLICY}"))["Enabled"]
    assert "P" not in [each["Name"] for each in await fresh.result("GET", "policies/GetAll")]


class TestLaterReleases:
    """Where a report comes in an envelope and refusals come with 200, as a client in the field expects."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        """Follow what Rapid7's connector reads."""
        inferred = tmp_path / "later.yaml"
        inferred.write_text("rules: {report_answer: envelope, error_answer_status: 200}", encoding="utf-8")
        return Settings(inferred=inferred)

    async def test_report_is_the_result(self, client: Client) -> None:
        """Columns and Data are below Result."""
        result = await client.result("POST", f"reports/{REPORT}", [])
        assert result["Columns"][1]["title"] == "Computer Name"
        assert result["Data"]

    async def test_refusal_comes_with_200(self, client: Client) -> None:
        """Only the envelope says that there is no such report."""
        assert await client.refusal("POST", f"reports/{TASK}") == (200, f"report '{TASK}' does not exist")
