"""Certificate-based authentication: a TLS client acts for the user of its certificate (Docs: set-up-mutual-auth)."""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from .conftest import basic

Create = Callable[..., str]
Change = Callable[..., None]
TABLE = "/api/now/table/sys_user_certificate"


class Secured:
    """An instance behind TLS that asks clients for a certificate, and one of theirs."""

    def __init__(self, server: TestServer, authority: trustme.CA) -> None:
        self._server = server
        self._authority = authority
        self._issued = authority.issue_cert("mapped@example.com")
        self.pem = self._issued.cert_chain_pems[0].bytes().decode()

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None, *, verb: str = "GET", shown: bool = True
    ) -> tuple[int, str]:
        """Return status and text of an answer, to a client that shows the certificate or none."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        if shown:
            self._issued.configure_cert(context)
        async with ClientSession() as session:
            answer = await session.request(verb, self._server.make_url(path), ssl=context, headers=headers)
            return answer.status, await answer.text()


@pytest.fixture
async def secured(app: web.Application, tmp_path: Path) -> AsyncIterator[Secured]:
    """Serve the instance."""
    authority, file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(str(file))
    server = TestServer(app, scheme="https", host="localhost")
    await server.start_server(ssl=context)
    yield Secured(server, authority)
    await server.close()


@pytest.fixture
def mapped(create: Create, secured: Secured) -> str:
    """Return the user to whom the certificate is mapped."""
    user = create("sys_user", user_name="mapped", name="Mapped User")
    create("sys_user_certificate", name="broken", user=user, pem_certificate="no certificate")
    create("sys_user_certificate", name="mapped", user=user, pem_certificate=f"\n{secured.pem}\n")
    return user


@pytest.mark.long
async def test_client_acts_for_the_user_of_its_certificate(secured: Secured, mapped: str) -> None:
    """Without another credential, or with one that nobody has; a valid password comes first."""
    own = "/api/now/table/sys_user?sysparm_query=sys_id=javascript:gs.getUserID()&sysparm_fields=sys_id,user_name"
    assert await secured.get(own) == (200, f'{{"result":[{{"sys_id":"{mapped}","user_name":"mapped"}}]}}')
    assert (await secured.get(own, basic("None", "None")))[0] == 200
    assert '"user_name":"admin"' in (await secured.get(own, basic("admin", "admin")))[1]
    assert (await secured.get(own, shown=False))[0] == 401


@pytest.mark.long
@pytest.mark.usefixtures("mapped")
async def test_certificate_counts_while_it_is_mapped_to_somebody_active(
    secured: Secured, change: Change, swallowed: Callable[[], list[str]]
) -> None:
    """Neither inactive mappings and users count, nor anything once the property is off."""
    path = "/api/now/table/incident"
    assert (await secured.get(path))[0] == 200
    for table, column, wanted, name, on, off in (
        ("sys_user_certificate", "name", "mapped", "active", "true", "false"),
        ("sys_user", "user_name", "mapped", "locked_out", "false", "true"),
    ):
        change(table, column, wanted, **{name: off})
        assert (await secured.get(path))[0] == 401
        change(table, column, wanted, **{name: on})
        assert (await secured.get(path))[0] == 200
    assert swallowed() == ["certificate-refused"] * 2


@pytest.mark.usefixtures("mapped")
async def test_property_switches_certificates_off(secured: Secured, create: Create) -> None:
    """On by default."""
    assert (await secured.get("/api/now/table/incident"))[0] == 200
    create("sys_properties", name="glide.authenticate.mutual.enabled", value="false")
    assert (await secured.get("/api/now/table/incident"))[0] == 401


@pytest.mark.long
async def test_mapping_ends_with_its_user(secured: Secured, mapped: str) -> None:
    """A later user may have the same sys_id."""
    admin = basic("admin", "admin")
    assert "mapped" in (await secured.get(TABLE, admin))[1]
    assert (await secured.get(f"/api/now/table/sys_user/{mapped}", admin, verb="DELETE"))[0] == 204
    assert "mapped" not in (await secured.get(TABLE, admin))[1]
