"""An instance with nothing but the platform and a toy app of one table."""

import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mock_servicenow.now_platform.dictionary.column_types import FAMILIES, Family
from mock_servicenow.now_platform.dictionary.definitions import Acl, Choice, Column, Table
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.table_files import load_dictionary
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.provisioning.provisioning import Administrator, FirstRows, provision
from mock_servicenow.now_platform.storage.database import Database
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.now_platform.web.oauth import routes as oauth_routes
from mock_servicenow.now_platform.web.server import LARGEST_BODY, Server
from privman_core.faults import Faults
from privman_core.ids import Ids
from privman_core.instruments import exchange_recorder
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.serving import LONGEST_LINE, before_sending
from privman_core.virtual_clock import VirtualClock

from .import_sets import make, make_map
from .managed_users import ADMIN_ROLE

URL = "https://dev12345.service-now.com"
Create = Callable[..., str]
NewDatabase = Callable[[str], AbstractContextManager[str]]
Client = TestClient[web.Request, web.Application]


def basic(user_name: str, password: str) -> dict[str, str]:
    """Return the header of Basic authentication."""
    return {"Authorization": f"Basic {b64encode(f'{user_name}:{password}'.encode()).decode()}"}


TOY = Table(
    "u_toy",
    "Toy",
    columns=(
        Column("u_name", "Name", display=True, unique=True),
        Column("u_color", "Color", choices=(Choice("r", "Red"), Choice("b", "Blue"))),
        Column("u_pieces", "Pieces", "integer"),
        Column("u_weight", "Weight", "decimal"),
        Column("u_play_time", "Play time", "glide_duration"),
        Column("u_bought", "Bought", "glide_date"),
        Column("u_sold", "Sold", "glide_date_time"),
        Column("u_price", "Price", "price"),
        Column("u_owner", "Owner", "reference", reference="sys_user"),
        Column("u_parent", "Parent", "reference", reference="u_toy"),
        Column("u_friends", "Friends", "glide_list", reference="sys_user"),
        Column("u_notes", "Notes", "journal_input"),
        Column("u_settings", "Settings", "name_values", 4000),
        Column("u_key", "Key", "password2"),
        Column("u_broken", "Broken", "boolean", default="false"),
        Column("u_secret", "Secret"),
    ),
    acls=(
        Acl("read", ("toy_reader",)),
        Acl("read", (), condition="u_color=r"),
        Acl("write", ("toy_writer",)),
        Acl("create", ("toy_writer",)),
        Acl("delete", ("toy_writer",)),
        Acl("read", ("admin",), column="u_secret"),
        Acl("write", ("admin",), column="u_secret"),
    ),
)

VAULT = Table("u_vault", "Vault", columns=(Column("u_name", display=True),), acls=(Acl("read", ("vault",)),))

CHAIN = Table("u_chain", "Link", columns=(Column("u_next", "Next", "reference", reference="u_chain", display=True),))

SAFE = Table("u_safe", "Safe", columns=(Column("u_key", "Key", "password2", display=True),))
LOCKER = Table(
    "u_locker",
    "Locker",
    columns=(
        Column("u_name", display=True),
        Column("u_seal"),
        Column("u_size", type="integer"),
        Column("u_safe", type="reference", reference="u_safe"),
        Column("u_toy", type="reference", reference="u_toy"),
        Column("u_log", type="journal_input"),
        Column("u_locked_log", type="journal_input"),
        Column("u_notes", type="journal_input"),
    ),
    acls=(
        Acl("read", (), column="u_seal", condition="u_size=1"),
        Acl("write", (), column="u_seal"),
        Acl("write", ("admin",), column="u_locked_log"),
    ),
)
STRICT_LOCKER = Table(
    "u_strict_locker",
    parent="u_locker",
    acls=tuple(Acl("read", ("admin",), column=column) for column in ("u_size", "u_log")),
)
CLOSED_LOCKER = Table("u_closed_locker", parent="u_locker", web_service_access=False)
DESK = Table(
    "u_desk",
    columns=(
        Column("u_user", type="reference", reference="sys_user"),
        Column("u_note"),
    ),
    acls=(
        Acl("create", condition="u_user=javascript:gs.getUserID()"),
        Acl("create", ("keeper",)),
        Acl("write", column="u_note", condition="u_userISEMPTY"),
    ),
)
REFERRING = (Family.REFERENCE, Family.LIST)
TYPED = Table(
    "u_typed",
    "A column of each type",
    columns=tuple(
        Column(f"u_{name.lower()}", type=name, reference="sys_user" if family in REFERRING else None)
        for name, family in FAMILIES.items()
    ),
)
STAFF = Table("u_staff", parent="sys_user")
UNCLEAR = Table("u_unclear", columns=(Column("u_name"),), acls=(Acl("read", (), condition="u_bunk=1"),))

STAGING = Table(
    "u_imp_user",
    "User import",
    parent="sys_import_set_row",
    columns=(
        Column("user_id", "User ID"),
        Column("first_name", "First name"),
        Column("email", "Email", "email", 100),
        Column("department", "Department"),
        Column("extra", "Extra", max_length=4000),
    ),
)
CLOSED = Table("u_imp_closed", parent="sys_import_set_row", acls=(Acl("create", ("importer",)),))


ROLES = ("toy_reader", "toy_writer", "vault", "keeper", "importer")


@pytest.fixture(scope="session")
def dictionary() -> Dictionary:
    """Return the packaged tables and those of the tests."""
    return load_dictionary(
        tables=[
            TOY,
            VAULT,
            CHAIN,
            SAFE,
            LOCKER,
            STRICT_LOCKER,
            CLOSED_LOCKER,
            DESK,
            STAFF,
            UNCLEAR,
            STAGING,
            CLOSED,
            TYPED,
        ]
    )


@pytest.fixture(scope="session")
def prepared(dictionary: Dictionary, new_database: NewDatabase) -> Iterator[tuple[str, bytes]]:
    """Give the URL of a prepared database, and a copy of it where the store has copies."""
    with new_database("") as url:
        # The copy of a database in a file would be one, too; that of one in memory may become either.
        store = Store(Database(url if url.startswith("postgresql") else "sqlite://", dictionary.sql))
        provision(
            Instance(dictionary=dictionary, store=store, clock=VirtualClock(), ids=Ids(1)),
            FirstRows(Administrator(), app=tuple(("sys_user_role", {"name": role}) for role in ROLES)),
        )
        copy = store.image() if store.embedded else b""
        store.close()
        yield url, copy


@pytest.fixture
def clock() -> VirtualClock:
    """Return a clock that only a test advances."""
    return VirtualClock()


@pytest.fixture
def instance(
    dictionary: Dictionary,
    prepared: tuple[str, bytes],
    new_database: NewDatabase,
    clock: VirtualClock,
    secrets: Secrets,
) -> Iterator[Instance]:
    """Return a fresh instance."""
    like, copy = prepared
    with new_database(like) as url, closing(Store(Database(url, dictionary.sql))) as store:
        if store.embedded:
            store.restore(copy)
        yield Instance(dictionary=dictionary, store=store, clock=clock, ids=Ids(2), secrets=secrets)


@pytest.fixture
def secrets() -> Secrets:
    """Return what the journal masks."""
    return Secrets()


@pytest.fixture
def journal(clock: VirtualClock, secrets: Secrets) -> Journal:
    """Return the journal of what the instance is asked."""
    return Journal(clock, secrets, lambda _exchange: ())


@pytest.fixture
def app(request: pytest.FixtureRequest, instance: Instance, journal: Journal, clock: VirtualClock) -> web.Application:
    """Return the instance as a web application; served over TLS, links begin with the origin that clients use."""
    url = "" if "https" in request.fixturenames else URL
    server = Server(instance, url)
    surrounding = [exchange_recorder(journal, Faults(clock, {}), frozenset()), server.middleware]
    app = web.Application(middlewares=surrounding, client_max_size=LARGEST_BODY)
    app.on_response_prepare.append(before_sending)
    app.add_routes([*server.routes(), *oauth_routes(instance)])
    return app


@pytest.fixture
async def server(app: web.Application) -> AsyncIterator[TestServer]:
    """Serve the instance."""
    server = TestServer(app)
    await server.start_server(max_line_size=LONGEST_LINE, auto_decompress=False)
    yield server
    await server.close()


@pytest.fixture
async def https(
    app: web.Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, str]]:
    """Serve the instance over TLS; give its origin and the file of the authority, which requests trusts already."""
    authority = trustme.CA()
    bundle = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)  # clients that open sessions of their own are told so alone
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = TestServer(app, scheme="https", host="localhost")
    await server.start_server(ssl=context, max_line_size=LONGEST_LINE, auto_decompress=False)
    yield f"https://localhost:{server.port}", bundle
    await server.close()


@pytest.fixture
def origin(https: tuple[str, str]) -> str:
    """Return the origin of the instance, served over TLS."""
    return https[0]


@pytest.fixture
async def anonymous(server: TestServer) -> AsyncIterator[Client]:
    """Return a client without credentials."""
    async with TestClient(server, auto_decompress=True) as client:
        yield client


@pytest.fixture
async def client(server: TestServer) -> AsyncIterator[Client]:
    """Return a client that is the administrator."""
    async with TestClient(server, headers=basic("admin", "admin")) as client:
        yield client


@pytest.fixture
async def user(server: TestServer, instance: Instance) -> AsyncIterator[Client]:
    """Return a client that is a user without any role."""
    with instance.transaction(instance.system) as session:
        session.insert("sys_user", {"user_name": "plain", "name": "Plain User", "user_password": "plain"})
    async with TestClient(server, headers=basic("plain", "plain")) as client:
        yield client


@pytest.fixture
def grant(instance: Instance) -> Callable[[str, str], None]:
    """Return what grants a user a role, defining the role if need be."""

    def grant(user_name: str, role: str) -> None:
        with instance.transaction(instance.system) as session:
            user = session.find("sys_user", user_name=user_name)
            known = session.find("sys_user_role", name=role) or session.insert("sys_user_role", {"name": role})
            assert user is not None
            session.insert("sys_user_has_role", {"user": user.sys_id, "role": known.sys_id})

    return grant


@pytest.fixture
def change(instance: Instance) -> Callable[..., None]:
    """Return what changes the record of a table whose column has that value."""

    def change(table: str, column: str, wanted: str, /, **values: str) -> None:
        with instance.transaction(instance.system) as session:
            record = session.find(table, **{column: wanted})
            assert record is not None
            session.update(table, record.sys_id, values)

    return change


@pytest.fixture
def create(instance: Instance) -> Callable[..., str]:
    """Return a function that creates a record and returns its sys_id."""

    def create(table: str, /, **values: str) -> str:
        with instance.transaction(instance.system) as session:
            return session.insert(table, values).sys_id

    return create


@pytest.fixture
def swallowed(journal: Journal) -> Callable[[], list[str]]:
    """Return a function that lists the rules of the findings so far, in order."""
    return lambda: [finding.rule for _, finding in journal.findings()]


@pytest.fixture
async def problem(client: Client) -> str:
    """Return the sys_id of a problem without attachments."""
    return await make(client, "problem")


@pytest.fixture
async def user_map(client: Client) -> str:
    """Return the map that makes users, one for each user name."""
    fields = ("user_id>user_name", "first_name>name", "email>email", "department>department")
    return await make_map(client, "sys_user", *fields, coalesce="user_name")


@pytest.fixture
def ids(
    instance: Instance, user: Client, grant: Callable[[str, str], None], create: Callable[..., str]
) -> dict[str, str]:
    """Let the plain user manage users, keys, clients and imports; return the sys_ids of roles, groups and users."""
    assert user is not None
    for role in ("user_admin", "oauth_admin", "api_service_admin", "import_set_loader"):
        grant("plain", role)
    create("sys_user_role", name="elevated", elevated_privilege="true")
    above, harmless = create("sys_user_role", name="above"), create("sys_user_role", name="harmless")
    create("sys_user_role_contains", role=create("sys_user_role", name="between"), contains=ADMIN_ROLE)
    create("sys_group_has_role", group=create("sys_user_group", name="Bosses"), role=ADMIN_ROLE)
    with instance.transaction(instance.system) as session:
        roles = {role["name"]: role.sys_id for role in session.find_all("sys_user_role")}
        create("sys_user_role_contains", role=above, contains=roles["between"])
        groups = {group["name"]: group.sys_id for group in session.find_all("sys_user_group")}
        users = {user["user_name"]: user.sys_id for user in session.find_all("sys_user")}
    return {**roles, **groups, "me": users["plain"], "abel": users["abel.tuter"], "harmless": harmless}


@pytest.fixture
async def me(user: Client, ids: dict[str, str]) -> Client:
    """Return the client of a user who manages users, API keys and OAuth clients, but is not an administrator."""
    assert ids
    return user
