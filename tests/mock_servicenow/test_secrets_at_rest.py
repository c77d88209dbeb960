"""What is only compared is stored one way: nobody who reads the database can log in with what is there."""

import os
from pathlib import Path
from typing import Any

import pytest

from mock_servicenow.app import Blueprint
from mock_servicenow.settings import Settings

from .conftest import SECRET, Instance, running

KEY = "now_a-key-that-somebody-made-up"
CLIENT_SECRET = "a-secret-of-a-client-of-mine"
SHOWN = {"sysparm_input_display_value": "true"}


async def _insert(instance: Instance, table: str, **values: str) -> str:
    answer = await instance.call("POST", f"/api/now/table/{table}", json=values, params=SHOWN)
    assert answer.status == 201, answer.body
    return str(answer.result["sys_id"])


async def _open_to_keys(instance: Instance) -> None:
    (parameter,) = await instance.read("sys_token_auth_parameter", query="type=auth_header")
    profile = await _insert(instance, "http_key_auth", name="Keys", auth_parameter=parameter["sys_id"])
    policy = await _insert(instance, "sys_api_access_policy", name="Tables", api="Table API")
    await _insert(instance, "sys_auth_profile_mapping", api_access_policy=policy, inbound_auth_profile=profile)
    (admin,) = await instance.read("sys_user", query="user_name=admin")
    await _insert(instance, "api_key", name="Key", token=KEY, user=admin["sys_id"])


async def _tokens(instance: Instance, grant: str, **form: str) -> Any:
    client = {"grant_type": grant, "client_id": "mine", "client_secret": CLIENT_SECRET}
    answer = await instance.call("POST", "/oauth_token.do", None, data=client | form)
    assert answer.status == 200, answer.body
    return answer.body


async def _status(instance: Instance, **headers: str) -> int:
    async with instance.http.get(f"{instance.url}/api/now/table/sys_user", headers=headers) as answer:
        return answer.status


@pytest.mark.long
async def test_a_database_holds_no_credential_that_is_only_compared(tmp_path: Path, blueprint: Blueprint) -> None:
    """Tokens, keys and clients' secrets are nowhere in the file, and are taken before and after a restart."""
    settings = Settings(database=f"sqlite:///{tmp_path / 'instance.db'}")
    async with running(settings, blueprint) as instance:
        name, password = await instance.add_user("keeper")
        user = {"username": name, "password": password}
        await _insert(instance, "oauth_entity", name="Mine", client_id="mine", client_secret=CLIENT_SECRET)
        await _open_to_keys(instance)
        first = await _tokens(instance, "password", **user)
        assert await _tokens(instance, "password", **user) == first
        renewed = await _tokens(instance, "refresh_token", refresh_token=first["refresh_token"])
        assert renewed["refresh_token"] == first["refresh_token"]
        await instance.register()
        files = b"".join([Path(file).read_bytes() for file in os.scandir(tmp_path)])  # noqa: ASYNC240
    compared = (KEY, CLIENT_SECRET, password, first["access_token"], first["refresh_token"])
    assert [secret for secret in compared if secret.encode() in files] == []
    assert SECRET.encode() in files  # which is sent to the console, and stored as it is
    async with running(settings, blueprint, seed=2) as instance:
        for token in (first, renewed):
            assert await _status(instance, Authorization=f"Bearer {token['access_token']}") == 200
        assert await _status(instance, **{"x-sn-apikey": KEY}) == 200
        again = await _tokens(instance, "refresh_token", refresh_token=first["refresh_token"])
        assert await _status(instance, Authorization=f"Bearer {again['access_token']}") == 200
        assert (await _tokens(instance, "password", **user))["access_token"] == again["access_token"]


async def test_a_digest_is_no_credential(instance: Instance) -> None:
    """What the database has of a key opens nothing, and the journal shows no key that is written."""
    await _open_to_keys(instance)
    with_digest = "6fae93c8ba8ba1b2f4e0f6ab6a4c2a4e1d2a4c8ab7b0d8a3c6bd5de8a4f2b1c0"
    assert await _status(instance, **{"x-sn-apikey": with_digest}) == 401
    assert await _status(instance, **{"x-sn-apikey": KEY}) == 200
    journal = await instance.call("GET", "/__admin/requests", None)
    assert KEY not in str(journal.body)
