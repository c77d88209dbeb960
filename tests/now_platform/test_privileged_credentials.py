"""Nobody but an administrator gets at an administrator's credentials."""

import pytest

from mock_servicenow.now_platform.instance import Instance

from .managed_users import ADMIN_ID, TABLES, Client, Create, write


@pytest.mark.parametrize(("table", "column"), [("sys_user", "user"), ("oauth_entity", "peer")])
async def test_credentials_end_with_their_owner(
    me: Client, create: Create, instance: Instance, table: str, column: str
) -> None:
    """A user or client that is deleted and created again with the same sys_id inherits no privileges."""
    owner = create(table, **{"user_name" if table == "sys_user" else "name": "gone"})
    user = create("sys_user", user_name="holder")
    tokens = {"user": user, "peer": "none", column: owner, "type": "access_token", "token": "t"}
    create("oauth_credential", **tokens)
    if table == "sys_user":
        create("api_key", user=owner, token="k")
    assert (await me.delete(f"{TABLES}/{table}/{owner}")).status == 204
    with instance.transaction(instance.system) as session:
        assert session.find_all("oauth_credential") == session.find_all("api_key", user=owner) == []


@pytest.mark.long
@pytest.mark.parametrize("values", [{"user_password": "known"}, {"enable_multifactor_authn": "true"}])
async def test_only_administrators_change_an_administrators_credentials(
    me: Client, client: Client, values: dict[str, str]
) -> None:
    """A user manager cannot change the password or the second factor of a privileged user, only other columns."""
    assert await write(me, "sys_user", ADMIN_ID, **values) == 403
    assert await write(me, "sys_user", ADMIN_ID, title="Boss") == 200
    assert await write(client, "sys_user", ADMIN_ID, **values) == 200


@pytest.mark.long
@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("api_key", {"name": "k", "token": "t"}),
        ("oauth_credential", {"type": "access_token", "token": "t", "expires": "2099-01-01 00:00:00"}),
        ("oauth_entity", {"name": "c", "client_id": "c", "client_secret": "s"}),
    ],
)
async def test_no_credential_is_made_for_an_administrator(
    me: Client, create: Create, ids: dict[str, str], table: str, values: dict[str, str]
) -> None:
    """Neither a new one, nor by changing whose it is, nor by changing the secret of an administrator's."""
    assert await write(me, table, **values, user=ADMIN_ID) == 403
    own, other = create(table, user=ids["me"]), create(table, user=ADMIN_ID)
    assert await write(me, table, own, user=ADMIN_ID) == 403
    assert await write(me, table, other, **values) == 403
    assert await write(me, table, other, user=ids["me"]) == 403
    assert await write(me, table, own, **values) == 200


async def opens(client: Client, **headers: str) -> bool:
    """Return whether a property is stored with these headers; what they give suffices to read incidents or files."""
    answer = await client.post(f"{TABLES}/sys_properties", json={"name": "x", "value": "y"}, headers=headers)
    assert answer.status in {201, 401, 403}
    return answer.status == 201


FILES = {"client_id": "files", "client_secret": "s", "redirect_url": "https://localhost/back"}


async def granted(client: Client, form: dict[str, str]) -> str:
    """Return a token that is limited to files."""
    answer = await (await client.post("/oauth_token.do", data=FILES | form)).json()
    assert answer["scope"] == "files"
    return str(answer["access_token"])


@pytest.mark.long
@pytest.mark.parametrize("through", ["token", "client"])
async def test_an_administrators_token_is_not_widened(  # noqa: PLR0913, PLR0917 - fixtures
    me: Client, client: Client, anonymous: Client, create: Create, ids: dict[str, str], through: str
) -> None:
    """Managers of clients cannot open another API to it, by its scopes or by those of its client.

    What concerns nobody privileged stays his to change, and so does what closes something.
    """
    assert ids
    app, other = create("oauth_entity", **FILES), create("oauth_entity", client_id="other")
    create("oauth_entity_scope", oauth_entity=app, oauth_entity_scope="files")
    bound = create("oauth_api_scope", scope="files", api="Attachment API")
    idle = create("oauth_api_scope", scope="files", api="Table API", active="false")
    assert await write(me, "oauth_api_scope", scope="plans", api="Table API") == 201
    if through == "client":
        create("sys_properties", name="glide.oauth.inbound.client.credential.grant_type.enabled", value="true")
        assert await write(client, "oauth_entity", app, user=ADMIN_ID, client_secret="s") == 200
        form = {"grant_type": "client_credentials"}
    else:
        form = {"grant_type": "password", "username": "admin", "password": "admin", "scope": "files"}
    widening = [
        ("oauth_api_scope", "", {"scope": "files", "api": "Table API"}),
        ("oauth_api_scope", bound, {"api": "Table API"}),
        ("oauth_api_scope", idle, {"active": "true"}),
        ("oauth_entity_scope", "", {"oauth_entity": app, "oauth_entity_scope": "plans"}),
    ]
    token = await granted(anonymous, form) if through == "token" else ""
    assert [await write(me, table, sys_id, **values) for table, sys_id, values in widening] == [403] * 4
    token = token or await granted(anonymous, form)
    assert not await opens(anonymous, Authorization=f"Bearer {token}")
    assert await write(me, "oauth_entity_scope", oauth_entity=other, oauth_entity_scope="plans") == 201
    assert await write(me, "oauth_api_scope", scope="", api="Table API") == 201
    assert await write(me, "oauth_api_scope", bound, active="false") == 200
    assert await write(client, "oauth_api_scope", scope="files", api="Table API") == 201
    assert await opens(anonymous, Authorization=f"Bearer {token}")


@pytest.mark.long
async def test_an_administrators_key_is_not_widened(
    me: Client, client: Client, anonymous: Client, create: Create, ids: dict[str, str]
) -> None:
    """Managers of keys cannot open another API or verb to it, by any of the records that open APIs to keys.

    What opens nothing yet stays his to change, and so does what closes something.
    """
    assert ids
    place = create("sys_token_auth_parameter", parameter_name="x-key", type="auth_header")
    profile = create("http_key_auth", name="Keys", auth_parameter=place)
    policy = create("sys_api_access_policy", name="Read", api="Table API", apply_all_methods="false", http_method="GET")
    mapping = create("sys_auth_profile_mapping", api_access_policy=policy, inbound_auth_profile=profile)
    assert await write(me, "sys_api_access_policy", policy, http_method="HEAD") == 200
    assert await write(me, "sys_api_access_policy", policy, http_method="GET") == 200
    create("api_key", user=ADMIN_ID, token="k", active="true")
    spare = create("sys_api_access_policy", name="Spare", api="Table API")
    widening = [
        ("sys_api_access_policy", policy, {"apply_all_methods": "true"}),
        ("sys_auth_profile_mapping", mapping, {"api_access_policy": spare}),
        ("sys_auth_profile_mapping", "", {"api_access_policy": spare, "inbound_auth_profile": profile}),
        ("http_key_auth", profile, {"auth_parameter": "other"}),
        ("sys_token_auth_parameter", place, {"parameter_name": "x-other"}),
    ]
    assert [await write(me, table, sys_id, **values) for table, sys_id, values in widening] == [403] * 5
    assert (await anonymous.get(f"{TABLES}/incident", headers={"x-key": "k"})).status == 200
    assert not await opens(anonymous, **{"x-key": "k"})
    assert await write(me, "sys_api_access_policy", name="New", api="Table API") == 201
    assert await write(me, "sys_api_access_policy", policy, name="Renamed") == 200
    assert await write(me, "sys_api_access_policy", policy, active="false") == 200
    assert await write(client, "sys_api_access_policy", policy, active="true", apply_all_methods="true") == 200
    assert await opens(anonymous, **{"x-key": "k"})
