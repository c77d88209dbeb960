"""Servers of the Model Context Protocol, each called over its standard input and output."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.mock_servicenow.command import serving_command

from .conftest import Install

CLIENT = {"name": "mcp", "client_id": "mcp", "client_secret": "mcp-secret"}


class Call(NamedTuple):
    """A call of a tool, and a text that its answer has."""

    tool: str
    arguments: dict[str, Any]
    expected: str


class Server(NamedTuple):
    """A server: its packages, its program, its settings with ``{url}``, and the calls that it must carry out."""

    packages: tuple[str, ...]
    program: str
    settings: dict[str, str]
    calls: tuple[Call, ...]


_LOGIN = {"SERVICENOW_INSTANCE_URL": "{url}", "SERVICENOW_USERNAME": "admin", "SERVICENOW_PASSWORD": "admin"}
_INCIDENTS = {"table": "incident", "query": "number=INC0000060"}
# Some need the first version of the library with which they were written, and do not say so.
SERVERS = {
    "mcp-server-servicenow": Server(
        ("mcp-server-servicenow",),
        "mcp-server-servicenow",
        _LOGIN,
        (
            Call(
                "list_records", {"table_name": "incident", "query": "number=INC0000060"}, "Unable to connect to email"
            ),
            Call("aggregate_records", {"table_name": "incident", "group_by": "state"}, "groupby_fields"),
            Call("create_record", {"table_name": "incident", "data": {"short_description": "by mcp"}}, "by mcp"),
            Call("create_ci", {"class_name": "cmdb_ci_linux_server", "data": {"name": "mcp1"}}, "mcp1"),
            Call("get_current_user", {}, "System Administrator"),
            Call("get_table_schema", {"table_name": "incident"}, "caller_id"),
            Call("find_references", {"table_name": "incident"}, "incident"),
            Call("create_update_set", {"name": "set of mcp"}, "set of mcp"),
            Call("list_update_sets", {}, "set of mcp"),
        ),
    ),
    "servicenow-cmdb-mcp": Server(
        ("servicenow-cmdb-mcp", "mcp<2"),
        "servicenow-cmdb-mcp",
        {
            "SN_INSTANCE_URL": "{url}",
            "SN_USERNAME": "admin",
            "SN_PASSWORD": "admin",
            "SN_CLIENT_ID": CLIENT["client_id"],
            "SN_CLIENT_SECRET": CLIENT["client_secret"],
        },
        (
            Call("search_cis", {"ci_class": "cmdb_ci_linux_server"}, "lnux100"),
            Call("count_cis", {"group_by": "sys_class_name"}, "cmdb_ci_ip_switch"),
            Call("list_ci_classes", {}, "cmdb_ci_appl"),
            Call("describe_ci_class", {"class_name": "cmdb_ci_server"}, "firewall_status"),
            Call("list_relationship_types", {}, "Runs on::Runs"),
            Call("cmdb_health_summary", {}, "total_count"),
            Call("get_client_scripts", {"table": "incident"}, "caller_id"),
            Call("list_data_sources", {}, "Users from a file"),
            Call("get_acls", {"table": "sys_user"}, "sys_user"),
        ),
    ),
    "snow-mcp-server": Server(
        ("snow-mcp-server", "mcp<2"),
        "snow-mcp-server",
        {"SNOW_MCP_INSTANCE_URL": "{url}", "SNOW_MCP_USERNAME": "admin", "SNOW_MCP_PASSWORD": "admin"},
        (
            Call("query_records", _INCIDENTS, "Unable to connect to email"),
            Call("list_table_fields", {"table": "incident"}, "caller_id"),
            Call("search_knowledge", {"query": "email"}, "KB0000001"),
        ),
    ),
    "servicenow-devtools-mcp": Server(
        ("servicenow-devtools-mcp", "mcp<2"),
        "servicenow-devtools-mcp",
        _LOGIN,
        (
            Call("table_query", {"table": "incident"}, "INC0000060"),
            Call("table_describe", {"table": "incident"}, "caller_id"),
            Call("table_aggregate", {"table": "incident", "group_by": "state"}, "success"),
            Call("meta_list_artifacts", {"artifact_type": "script_include"}, "IncidentUtils"),
            Call("flow_list", {}, "Service Catalog Request"),
        ),
    ),
}


@pytest.mark.parametrize("name", SERVERS)
async def test_server(python_client: Install, tmp_path: Path, name: str) -> None:
    """It carries out its calls."""
    server = SERVERS[name]
    programs = await python_client(*server.packages)
    rows, authority = tmp_path / "rows.yaml", tmp_path / "ca.pem"
    rows.write_text(yaml.safe_dump({"oauth_entity": [CLIENT]}))
    async with serving_command("--tls", "--tls-ca-file", str(authority), "--data", str(rows)) as url:
        settings = {setting: value.format(url=url) for setting, value in server.settings.items()}
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(authority))
        environment = {**os.environ, **settings, **trust}
        program = StdioServerParameters(command=str(programs / server.program), env=environment, cwd=tmp_path)
        answers = await answers_of(program, server.calls)
    assert {call.tool: answer for call, answer in answers if call.expected not in answer} == {}


async def answers_of(program: StdioServerParameters, calls: tuple[Call, ...]) -> list[tuple[Call, str]]:
    """Start a server, call its tools and return the texts that they answer."""
    async with stdio_client(program) as streams, ClientSession(*streams) as session:
        await session.initialize()
        results = [await session.call_tool(call.tool, call.arguments) for call in calls]
    texts = ["".join(getattr(part, "text", "") for part in result.content) for result in results]
    return list(zip(calls, texts, strict=True))
