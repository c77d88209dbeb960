"""The application registry: who may ask for tokens (platform 4.3, 4.4)."""

from mock_servicenow.now_platform.identity.credentials import holder
from mock_servicenow.now_platform.identity.oauth.refusal import RefusedError
from mock_servicenow.now_platform.identity.oauth.tokens import CLIENTS
from mock_servicenow.now_platform.identity.roles import life
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, RuleContext, Session
from mock_servicenow.now_platform.users import Holder, verify_password

ENTITIES = CLIENTS


def registry_rules() -> list[BusinessRule]:
    """Return the rules of the registry."""
    return [BusinessRule("generate_client_id", ENTITIES, "before", frozenset({"insert"}), _generate_client_id)]


def find_client(session: Session, client_id: str) -> Record | None:
    """Return the active client with that id."""
    return holder(session, ENTITIES, "client_id", client_id, active="true")


def known_client(session: Session, client_id: str, secret: str) -> Record:
    """Return the client that proves itself by its secret.

    A public client that sends none is taken at its word: its grants need another proof. Raises RefusedError.
    """
    client = find_client(session, client_id)
    if client is None:
        raise RefusedError(f"client_id is '{client_id}'; the application registry has no active client of that id")
    if client["public_client"] == "true" and not secret:
        return client
    if not verify_password(secret, client["client_secret"]):
        raise RefusedError(f"the client_secret is not that of '{client['name']}'")
    return client


def client_holder(session: Session, client: Record) -> Holder:
    """Return the client as the holder of a code."""
    return Holder(client.sys_id, life(session, client.sys_id))


def redirects_to(client: Record, url: str) -> bool:
    """Return whether the client is registered with that redirect URL."""
    return bool(url) and url in (known.strip() for known in client["redirect_url"].split(","))


def _generate_client_id(context: RuleContext) -> None:
    """Give a client that names none an id of its own."""
    context.current["client_id"] = context.current["client_id"] or context.session.ids.hex(32)
