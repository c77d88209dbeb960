"""What a release changes, and the gate before Basic authentication."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestClient, TestServer

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.provisioning.provisioning import Administrator, FirstRows, provision
from mock_servicenow.now_platform.release_profile import ReleaseError, ReleaseProfile
from mock_servicenow.now_platform.storage.database import Database
from mock_servicenow.now_platform.storage.store import Store
from privman_core.ids import Ids
from privman_core.virtual_clock import VirtualClock

from .conftest import NewDatabase

Client = TestClient[web.Request, web.Application]
INCIDENTS = "/api/now/table/incident?sysparm_limit=1"
INVALID = "/api/now/table/incident?sysparm_query=number=INC0000060^second=asdf"
GATE = "glide.authenticate.basic_auth"


@pytest.fixture
def release() -> str:
    """Return the release of the instance; tests name another."""
    return "default"


@pytest.fixture
def instance(
    dictionary: Dictionary, new_database: NewDatabase, clock: VirtualClock, release: str
) -> Iterator[Instance]:
    """Return a new instance of the release."""
    profile = ReleaseProfile.load(release)
    with new_database("") as url, closing(Store(Database(url, dictionary.sql))) as store:
        instance = Instance(dictionary=dictionary, store=store, clock=clock, ids=Ids(3), release=profile)
        provision(instance, FirstRows(Administrator()))
        yield instance


@pytest.fixture
def property_(instance: Instance) -> Callable[[str, str], None]:
    """Return what sets a system property."""

    def set_property(name: str, value: str) -> None:
        with instance.transaction(instance.system) as session:
            known = session.find("sys_properties", name=name)
            if known is None:
                session.insert("sys_properties", {"name": name, "value": value})
            else:
                session.update("sys_properties", known.sys_id, {"value": value})

    return set_property


@pytest.fixture
def role_holder(user: Client, grant: Callable[[str, str], None]) -> Client:
    """Return a client whose user may use a password for API calls."""
    grant("plain", "snc_basic_auth_api_access")
    return user


@pytest.fixture
def gate(property_: Callable[[str, str], None]) -> None:
    """Restrict passwords as a newly provisioned instance of the newest releases does."""
    for switch in ("active", "enforce"):
        property_(f"{GATE}.restriction.{switch}", "true")


def test_each_name_can_be_loaded() -> None:
    """Every word that is offered is a profile of that name, and the releases are in their order."""
    assert [ReleaseProfile.load(name).name for name in ReleaseProfile.names()] == list(ReleaseProfile.names())
    assert ReleaseProfile.names() == ("default", "washington", "xanadu", "yokohama", "zurich", "australia")


def test_an_unknown_release_names_the_nearest() -> None:
    """The error for an unknown release names the nearest one and all others."""
    with pytest.raises(ReleaseError) as raised:
        ReleaseProfile.load("Zürich")
    assert str(raised.value) == (
        "unknown release 'Zürich' (did you mean 'zurich'?); "
        "expected one of default, washington, xanadu, yokohama, zurich, australia"
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("release", "text"),
    [
        ("default", "User is not authenticated"),
        ("washington", "User Not Authenticated"),
        ("yokohama", "User Not Authenticated"),
        ("zurich", "User is not authenticated"),
    ],
)
async def test_the_text_of_a_401(anonymous: Client, text: str) -> None:
    """Releases until about August 2025 say it in other words."""
    response = await anonymous.get(INCIDENTS)
    assert response.status == 401
    assert (await response.json())["error"]["message"] == text


@pytest.mark.long
@pytest.mark.parametrize(
    ("release", "server_header"), [("default", "ServiceNow"), ("xanadu", "ServiceNow"), ("australia", "snow_adc")]
)
async def test_the_server_header(anonymous: Client, server_header: str) -> None:
    """Newer load balancers name themselves."""
    assert (await anonymous.get(INCIDENTS)).headers["Server"] == server_header


@pytest.mark.long
@pytest.mark.parametrize(("release", "name"), [("default", "Australia"), ("washington", "Washington DC")])
async def test_the_build_name(client: Client, name: str) -> None:
    """The property glide.buildname names the release."""
    response = await client.get("/api/now/table/sys_properties?sysparm_query=name=glide.buildname")
    assert [row["value"] for row in (await response.json())["result"]] == [name]


@pytest.mark.parametrize("release", ["zurich", "australia"])
async def test_an_upgraded_instance_lets_passwords_in(client: Client) -> None:
    """Docs, basic authentication: newly provisioned instances restrict it; upgraded ones, as the mock is, may go on."""
    assert (await client.get(INCIDENTS)).status == 200


@pytest.mark.usefixtures("gate")
async def test_the_gate_stops_even_an_administrator(client: Client, swallowed: Callable[[], list[str]]) -> None:
    """On a newly provisioned instance of newer releases the right password is answered 401."""
    response = await client.get(INCIDENTS)
    assert response.status == 401
    assert (await response.json())["error"]["message"] == "User is not authenticated"
    assert swallowed() == ["basic-refused"]


@pytest.mark.long
@pytest.mark.usefixtures("gate")
async def test_a_wrong_password_is_told_from_a_closed_gate(
    anonymous: Client, swallowed: Callable[[], list[str]]
) -> None:
    """Whoever looks for the reason is not sent to the gate."""
    response = await anonymous.get(INCIDENTS, headers={"Authorization": encode_basic_auth("admin", "guess")})
    assert (response.status, swallowed()) == (401, [])


@pytest.mark.long
@pytest.mark.usefixtures("gate")
async def test_the_gate_lets_the_role_pass(role_holder: Client) -> None:
    """The role snc_basic_auth_api_access is the exception."""
    assert (await role_holder.get(INCIDENTS)).status == 200


@pytest.mark.long
@pytest.mark.usefixtures("gate")
async def test_the_gate_lets_roles_of_the_property_pass(
    user: Client, grant: Callable[[str, str], None], property_: Callable[[str, str], None]
) -> None:
    """A property names the roles that pass."""
    grant("plain", "integrator")
    assert (await user.get(INCIDENTS)).status == 401
    property_(f"{GATE}.allowed_roles", "admin,integrator")
    assert (await user.get(INCIDENTS)).status == 200


@pytest.mark.usefixtures("gate")
async def test_the_gate_lets_service_users_pass(
    user: Client, instance: Instance, property_: Callable[[str, str], None]
) -> None:
    """A user for web services only passes, unless a property says no."""
    with instance.transaction(instance.system) as session:
        plain = session.find("sys_user", user_name="plain")
        assert plain is not None
        session.update("sys_user", plain.sys_id, {"web_service_access_only": "true"})
    assert (await user.get(INCIDENTS)).status == 200
    property_(f"{GATE}.allow_wsao", "false")
    assert (await user.get(INCIDENTS)).status == 401


@pytest.mark.long
@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize("switch", ["active", "enforce"])
async def test_either_switch_opens_the_gate(client: Client, property_: Callable[[str, str], None], switch: str) -> None:
    """The gate is closed only while both of its properties say so."""
    property_(f"{GATE}.restriction.{switch}", "false")
    assert (await client.get(INCIDENTS)).status == 200


@pytest.mark.long
@pytest.mark.parametrize("release", ["default", "zurich", "australia"])
async def test_invalid_queries_are_ignored(role_holder: Client) -> None:
    """Docs, Table API, of every release: a term with an unknown column is dropped, and the rest applies."""
    response = await role_holder.get(INVALID)
    assert [row["number"] for row in (await response.json())["result"]] == ["INC0000060"]


@pytest.mark.parametrize(("release", "status"), [("default", 200), ("australia", 403)])
async def test_queries_of_unreadable_columns(
    role_holder: Client, client: Client, grant: Callable[[str, str], None], status: int
) -> None:
    """Docs, query ACLs: of a column that the user may not read, unless rules say otherwise; administrators read all."""
    grant("plain", "toy_reader")
    response = await role_holder.get("/api/now/table/u_toy?sysparm_query=u_secret=x")
    assert response.status == status
    if status == 403:
        assert (await response.json())["error"] == {
            "message": "Insufficient rights to query records",
            "detail": "Field(s) present in the query do not have permission to be read",
        }
    assert (await role_holder.get("/api/now/table/u_toy?sysparm_query=u_name=x^ORu_color=r")).status == 200
    assert (await client.get("/api/now/table/u_toy?sysparm_query=u_secret=x^second=asdf")).status == 200


async def test_two_authorization_headers(server: TestServer) -> None:
    """The edge answers 400 before the instance, with its own page."""
    async with TestClient(server) as client:
        headers = [("Authorization", "Basic YWRtaW46YWRtaW4="), ("Authorization", "Bearer x")]
        response = await client.get(INCIDENTS, headers=headers)
        assert response.status == 400
        assert response.headers["Server"] == "snow_adc"
        assert (await response.text()).startswith("<html>")
        assert "X-Transaction-ID" not in response.headers
