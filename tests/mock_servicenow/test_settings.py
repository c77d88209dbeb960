"""What an instance is started with: its origin, and files of rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from mock_servicenow.app import StartError, create_app
from mock_servicenow.blueprint import Blueprint
from mock_servicenow.settings import Settings
from privman_core.ids import Ids
from privman_core.virtual_clock import VirtualClock

from .conftest import Instance, running

OWNER = "6816f79cc0a8016401c5a33be04be441"


@pytest.mark.long
async def test_links_begin_with_the_origin_of_the_settings(blueprint: Blueprint) -> None:
    """Links and the OpenAPI document name the instance's own URL; without one, the Host that the client used (1.5)."""
    for url in ("https://dev12345.service-now.com", ""):
        async with running(Settings(url=url), Blueprint.draw(Settings(url=url)) if url else blueprint) as instance:
            answer = await instance.insert("problem", {})
            assert answer.headers["Location"].startswith(f"{url or instance.url}/api/now/table/problem/")
            document = (await instance.call("GET", "/__admin/openapi.json", None)).body
            assert document["servers"] == [{"url": url or instance.url}]


async def test_the_document_of_the_app(instance: Instance) -> None:
    """The control plane answers an OpenAPI document of the app's tables."""
    document = (await instance.call("GET", "/__admin/openapi.json", None)).body
    assert document["openapi"] == "3.1.0"


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.yaml", {"problem": [{"number": "PRB7", "short_description": "x", "opened_by": OWNER, "active": False}]}),
        (
            "problem.json",
            {
                "result": [
                    {
                        "number": "PRB7",
                        "short_description": {"display_value": "X", "value": "x"},
                        "opened_by": {"link": f"https://x/api/now/table/sys_user/{OWNER}", "value": OWNER},
                        "opened_by.name": "System Administrator",
                        "active": "false",
                        "closed_by": "",
                    }
                ]
            },
        ),
        (
            "one.json",
            {
                "result": {
                    "sys_class_name": {"value": "problem", "display_value": "Problem"},
                    "number": "PRB7",
                    "short_description": "x",
                    "opened_by": {"value": OWNER},
                    "active": "false",
                }
            },
        ),
    ],
    ids=["by table", "a list as printed", "a record as printed"],
)
async def test_rows_of_a_file(tmp_path: Path, name: str, content: Any) -> None:
    """Rows come by table, or as the Table API prints them with or without display values."""
    file = tmp_path / name
    file.write_text(json.dumps(content))
    async with running(Settings(data=(file,))) as instance:
        [row] = await instance.read(
            "problem",
            query="number=PRB7",
            sysparm_fields="short_description,opened_by,active",
            sysparm_exclude_reference_link="true",
        )
    assert row == {"short_description": "x", "opened_by": OWNER, "active": "false"}


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite://", "sqlite:///{}/instance.db"])
async def test_rows_change_what_ships(tmp_path: Path, database: str) -> None:
    """A row is named as people name it: a property, a user whose sys_id is ServiceNow's; at each start."""
    file = tmp_path / "rows.yaml"
    for city in ("Berlin", "Vienna"):
        rows = {
            "sys_properties": [{"name": "glide.sys.default.tz", "value": f"Europe/{city}"}],
            "sys_user": [{"user_name": "admin", "email": f"{city}@example.com"}],
        }
        file.write_text(json.dumps(rows))
        async with running(Settings(database=database.format(tmp_path), data=(file,))) as instance:
            [zone] = await instance.read("sys_properties", query="name=glide.sys.default.tz")
            [admin] = await instance.read("sys_user", query="user_name=admin")
        assert (zone["value"], admin["email"], admin["sys_id"]) == (f"Europe/{city}", f"{city}@example.com", OWNER)


NUMBERED = """
incident: [{short_description: first}, {number: INC0010001}, {number: INC0010007}, {number: "7"}]
metric_definition: [{number: "5"}]
problem: [{number: PRB0010002}, {number: OLD0099999}, {number: PRB99999999999999999999}]
"""
NUMBERS = {"incident": "INC0010009", "problem": "PRB0010003"}


async def test_numbers_go_on_after_those_of_a_file(tmp_path: Path) -> None:
    """Of the rows and of later records none has a number twice, whatever their order."""
    file = tmp_path / "rows.yaml"
    file.write_text(NUMBERED)
    async with running(Settings(data=(file,))) as instance:
        new = [(await instance.insert(table, {"active": "true"})).result["number"] for table in NUMBERS]
        first = await instance.read("incident", query="short_description=first", sysparm_fields="number")
    assert new == list(NUMBERS.values())
    assert first == [{"number": "INC0010008"}]


async def test_rows_that_ship_do_not_depend_on_defaults_of_files(tmp_path: Path) -> None:
    """Whatever an instance gives a new record: its administrator can log in, and what ships acts."""
    file = tmp_path / "tables.yaml"
    file.write_text(
        "- {name: sys_user, columns: {active: {default: 'false'}, locked_out: {default: 'true'}}}\n"
        "- {name: sys_dictionary, columns: {active: {default: ''}}}\n"
        "- {name: sys_user_role, columns: {description: {default: 'javascript:gs.getUserID()'}}}\n"
    )
    async with running(Settings(tables=(file,))) as instance:
        [admin] = await instance.read("sys_user", query="user_name=admin", sysparm_fields="active,locked_out")
        roles = await instance.read("sys_user_role", query="nameSTARTSWITHx_", sysparm_fields="description")
        inactive = await instance.read("sys_dictionary", query="active!=true", sysparm_fields="name")
        assert (await instance.insert("sys_user", {"user_name": "jane"})).result["active"] == "false"
    assert (admin, roles[0], inactive) == ({"active": "true", "locked_out": "false"}, {"description": ""}, [])


KNOWN = """
sys_user_has_role: [{user: admin, role: 11111111111111111111111111111111}]
sys_user_role: [{sys_id: 11111111111111111111111111111111, name: itil, description: of another instance}]
sys_properties: [{sys_id: 22222222222222222222222222222222, name: instance_name, value: other}]
sys_user_group: [{sys_id: 33333333333333333333333333333333, name: Ours}]
"""


async def test_rows_of_another_instance_are_about_what_ships(tmp_path: Path) -> None:
    """A role of another sys_id is the one that the mock has, with the references to it."""
    file = tmp_path / "rows.yaml"
    file.write_text(KNOWN)
    async with running(Settings(data=(file,))) as instance:
        [role] = await instance.read("sys_user_role", query="name=itil", sysparm_fields="sys_id,description")
        granted = await instance.read("sys_user_has_role", query="user.user_name=admin^role.name=itil")
        [name] = await instance.read("sys_properties", query="name=instance_name", sysparm_fields="value")
        [group] = await instance.read("sys_user_group", query="name=Ours", sysparm_fields="sys_id")
    assert (role["description"], role["sys_id"] == "1" * 32) == ("of another instance", False)
    assert (len(granted), name["value"], group["sys_id"]) == (1, "other", "3" * 32)


@pytest.mark.long
async def test_rows_hold_what_yaml_means(tmp_path: Path) -> None:
    """Dates and times need no quotes, integers may be long where text may stand, and passwords open the door."""
    file = tmp_path / "rows.yaml"
    file.write_text(
        "problem:\n"
        "  - {number: PRB7, due_date: 2026-01-05 10:00:00, description: 99999999999999999999}\n"
        "  - {number: PRB8, due_date: 2026-01-05T10:00:00+02:00, description: 2026-01-05}\n"
        "sys_user: [{user_name: jane, user_password: tarzan}, {user_name: kala, user_password: ''}]\n"
    )
    async with running(Settings(data=(file,))) as instance:
        rows = await instance.read("problem", query="numberINPRB7,PRB8", sysparm_fields="due_date,description")
        assert (await instance.call("GET", "/api/now/table/problem", ("jane", "tarzan"))).status == 200
        assert (await instance.call("GET", "/api/now/table/problem", ("kala", ""))).status == 401
    assert rows == [
        {"due_date": "2026-01-05 10:00:00", "description": "9" * 20},
        {"due_date": "2026-01-05 08:00:00", "description": "2026-01-05"},
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.yaml", "[1]", "rows.yaml:1: holds a list; expected table names with lists of rows"),
        ("rows.yaml", "problem: 1", "rows.yaml:1: table 'problem' holds a single value; expected a list of rows"),
        ("rows.yaml", "problem: [1]", "rows.yaml:1: table 'problem', row 1 is 1; expected a mapping of columns"),
        ("rows.yaml", "u_none: []", "rows.yaml:1: table 'u_none' is not defined"),
        (
            "rows.yaml",
            "problem: [{u_x: 1}]",
            "rows.yaml:1: table 'problem', row 1 has column 'u_x', which is not defined",
        ),
        (
            "rows.yaml",
            "problem:\n  - number: PRB7\n    assigned_too: admin\n",
            "rows.yaml:3: table 'problem', row 1 has column 'assigned_too' (did you mean 'assigned_to'?), which is not",
        ),
        ("rows.yaml", "\nproblm: []", "rows.yaml:2: table 'problm' (did you mean 'problem'?) is not defined"),
        (
            "rows.yaml",
            "problem:\n  - assigned_to: admin\n  - assigned_to: employe\n",
            "rows.yaml:3: table 'problem', row 2, column 'assigned_to' refers to 'employe' (did you mean 'employee'?)",
        ),
        ("u_none.json", '{"result": []}', "u_none.json:1: table 'u_none' is not defined"),
        (
            "problem.json",
            '{"result": [1]}',
            "problem.json:1: table 'problem', row 1 is 1; expected a mapping of columns",
        ),
        ("rows.yaml", "problem: [", "rows.yaml"),
        (
            "rows.yaml",
            "problem: [{impact: high}]",
            "rows.yaml:1: table 'problem', row 1, column 'impact' has 'high'; expected a value of type integer",
        ),
        (
            "rows.yaml",
            "problem: [{impact: 99999999999999999999}]",
            "rows.yaml:1: table 'problem', row 1, column 'impact' has '99999999999999999999'; expected a value of type",
        ),
        (
            "rows.yaml",
            'problem: [{description: "\\0"}]',
            "rows.yaml:1: table 'problem', row 1, column 'description' has '\\x00'; expected a value of type string",
        ),
        (
            "rows.yaml",
            "problem:\n  - {}\n  - due_date: 2026-13-45\n",
            "rows.yaml:3: table 'problem', row 2, column 'due_date' has '2026-13-45'; expected a value of type",
        ),
        (
            "rows.yaml",
            "problem: [{due_date: soon}]",
            "rows.yaml:1: table 'problem', row 1, column 'due_date' has 'soon'",
        ),
        (
            "rows.yaml",
            "sys_user:\n  - {user_name: x}\n  - {user_name: x, title: Chief}",
            "rows.yaml:3: table 'sys_user', row 2 is of the same record as rows.yaml:2, and differs; expected one row",
        ),
        (
            "rows.yaml",
            "task:\n  - {sys_class_name: incidnt}",
            "rows.yaml:2: table 'task', row 1 has class 'incidnt' (did you mean 'incident'?); expected 'task' or a",
        ),
        *(
            (name, content % "!!binary AAEC", f"{name}:1: table ")
            for name, content in (
                ("rows.yaml", "incident: [{sys_class_name: %s}]"),
                ("incident.yaml", "result: [{sys_class_name: %s}]"),
            )
        ),
        (
            "rows.yaml",
            "incident: [{sys_class_name: problem}]",
            "rows.yaml:1: table 'incident', row 1 has class 'problem'; expected 'incident'",
        ),
        (
            "rows.yaml",
            "incident: [{watch_list: [admin, nobdy]}]",
            "rows.yaml:1: table 'incident', row 1, column 'watch_list' refers to 'nobdy'",
        ),
        *(
            ("rows.yaml", f"problem: [{{{key}: x}}]", "rows.yaml:1: table 'problem', row 1 has key ")
            for key in ("1.5", "? !!binary YS5i ", "true")
        ),
        *(
            (
                "rows.yaml",
                f"problem: [{{{name}: {value}}}]",
                f"rows.yaml:1: table 'problem', row 1, column '{name}' has ",
            )
            for name, value in (
                ("opened_at", "0001-01-01T00:00:00+14:00"),
                ("opened_at", "9999-12-31T23:59:59-14:00"),
                ("description", "!!binary AAEC"),
                ("description", "{value: !!binary AAEC}"),
                ("description", "!!set {a}"),
                ("description", "[!!set {a}]"),
                ("description", "{1: a}"),
                ("description", "{null: a}"),
                ("description", "{2026-01-01: 1}"),
                ("description", f"[{'9' * 40}]"),
            )
        ),
        (
            "rows.yaml",
            'problem: [{"a\\e[31m\\0\\n::error::x": 1}]',
            r"rows.yaml:1: table 'problem', row 1 has column 'a\x1b[31m\x00\n::error::x', which is not defined",
        ),
        (
            "rows.yaml",
            r'problem: [{assigned_to: "\e]0;x\a"}]',
            r"rows.yaml:1: table 'problem', row 1, column 'assigned_to' refers to '\x1b]0;x\x07'",
        ),
        (
            "rows.yaml",
            f"sys_user:\n  - {{user_name: x}}\n  - {{user_name: x, sys_id: {'0' * 32}}}",
            "rows.yaml:3: table 'sys_user', row 2 cannot be stored: ",
        ),
    ],
)
def test_rows_that_cannot_be_used(tmp_path: Path, name: str, content: str, message: str) -> None:
    """An unusable file of rows is told by file, table, row and column."""
    (tmp_path / name).write_text(content)
    settings = Settings(data=(tmp_path / name,))
    with pytest.raises(StartError) as caught:
        create_app(settings, clock=VirtualClock(), ids=Ids(1))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.long
async def test_rows_have_what_rules_would_give_them(tmp_path: Path) -> None:
    """A number and a full name; a class and lists of names; equal rows without a name are records of their own."""
    file = tmp_path / "rows.yaml"
    file.write_text(
        "task: [{sys_class_name: incident, short_description: classed}, {sys_class_name: task, number: TASK1}]\n"
        "incident: [{description: same}, {description: same}, {close_notes: same, watch_list: [itil, admin]}]\n"
        "sys_user: [{user_name: jane, first_name: Jane, last_name: Porter}, {user_name: kala, name: K}]\n"
        "sys_user_group: [{name: Apes, manager: jane}, {name: Apes, manager: jane}]\n"
        f"sys_user_role: [{{sys_id: {'ab' * 16}, name: keeper}}]\n"
        f"core_company: [{{sys_id: {'ab' * 16}, name: Greystoke}}]\n"
    )
    database = f"sqlite:///{tmp_path / 'instance.db'}"
    for _ in range(2):
        async with running(Settings(database=database, data=(file, file))) as instance:
            classed = await instance.read("incident", query="short_description=classed")
            same = await instance.read("incident", query="description=same^ORclose_notes=same^ORDERBYnumber")
            query = "user_nameINjane,kala^ORDERBYuser_name"
            names = await instance.read("sys_user", query=query, sysparm_fields="name")
            groups = await instance.read("sys_user_group", query="name=Apes", sysparm_fields="manager.name")
            users = {each["sys_id"] for each in await instance.read("sys_user", query="user_nameINitil,admin")}
        numbers = [each["number"] for each in (*classed, *same)]
        assert numbers == ["INC0010001", "INC0010002", "INC0010003", "INC0010004"]
        assert set(same[2]["watch_list"].split(",")) == users
        assert names == [{"name": "Jane Porter"}, {"name": "K"}]
        assert groups == [{"manager.name": "Jane Porter"}]


CLIENT = {"client_id": "c" * 32, "client_secret": "of-a-client-0123456789"}
LOG_ON = {"grant_type": "password", "username": "admin", "password": "admin"}


@pytest.mark.long
@pytest.mark.parametrize(("rule", "status"), [("refused", 401), ("accepted", 200)])
@pytest.mark.parametrize("end", ["deactivated", "deleted"])
async def test_tokens_of_a_client_that_has_ended_follow_the_inferred_rule(
    rule: str, status: int, end: str, tmp_path: Path
) -> None:
    """No document says whether they open anything; the client itself gets no more tokens either way."""
    inferred = tmp_path / "ours.yaml"
    inferred.write_text(f"rules: {{ended_client_tokens: {rule}}}")
    async with running(Settings(inferred=inferred)) as instance:
        registered = await instance.call(
            "POST", "/api/now/table/oauth_entity?sysparm_input_display_value=true", json={"name": "Ours", **CLIENT}
        )
        issued = (await instance.call("POST", "/oauth_token.do", None, data=LOG_ON | CLIENT)).body
        bearer = {"Authorization": f"Bearer {issued['access_token']}"}
        users, client = "/api/now/table/sys_user", f"/api/now/table/oauth_entity/{registered.result['sys_id']}"
        assert (await instance.call("GET", users, None, headers=bearer)).status == 200
        if end == "deleted":
            await instance.call("DELETE", client)
        else:
            await instance.call("PATCH", client, json={"active": "false"})
        assert (await instance.call("GET", users, None, headers=bearer)).status == status
        renewal = {"grant_type": "refresh_token", "refresh_token": issued["refresh_token"]}
        assert (await instance.call("POST", "/oauth_token.do", None, data=renewal | CLIENT)).status == 401
