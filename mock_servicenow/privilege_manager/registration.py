"""Registrations: what the console says about itself, its Secret kept apart (integration 3)."""

import math
from collections.abc import Mapping
from contextlib import suppress

from mock_servicenow.now_platform.dictionary.values import is_storable
from mock_servicenow.now_platform.records.rows import Record
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from mock_servicenow.now_platform.users import ADMIN_ROLE
from mock_servicenow.privilege_manager.configuration import Configuration, ConfigurationError, read_pairs
from mock_servicenow.privilege_manager.guids import is_guid
from mock_servicenow.privilege_manager.json_text import json_object, write_json
from mock_servicenow.privilege_manager.tables import MASK, AppTables
from privman_contracts.wire_names import WireNames
from privman_core.masking import Secrets

LONGEST_PAIRS = 256 * 1024
"""Characters of name-value pairs that may be stored: four times what the column is documented to hold (I)."""


class Registrations:
    """The Integration Configuration records and their Secrets."""

    def __init__(self, tables: AppTables, names: WireNames, secrets: Secrets) -> None:
        self._table = tables.configuration
        self._secret = tables.secret
        self._names = names
        self._secrets = secrets
        self._username = names.key("instance_metadata", "Username")
        self._password = names.key("instance_metadata", "Password")
        self._addresses = [names.key("instance_metadata", key) for key in ("Token Url", "Endpoint Url")]

    def rules(self) -> list[BusinessRule]:
        """Return the rules that guard the Secret of every registration and report what is bounded."""
        written: frozenset[Operation] = frozenset({"insert", "update"})
        gone: frozenset[Operation] = frozenset({"update", "delete"})
        name = self._table.name
        return [
            # First, so that no stored rule sees the Secret, and last, so that none leads it elsewhere.
            BusinessRule("Keep the Secret apart", name, "before", written, self._keep_secret, order=-math.inf),
            BusinessRule("Hold the Secret back", name, "before", written, self._follow_rules, order=math.inf),
            BusinessRule("Bound the configuration", name, "after", written, self._report_bounds),
            BusinessRule("Forget the Client Id", name, "after", gone, self._forget_client_id),
            BusinessRule("Forget the Secret", name, "after", frozenset({"delete"}), self._forget_secret),
        ]

    def remember(self, session: Session) -> None:
        """Mask in every output the Client Ids and Secrets that an earlier process was told."""
        for record in session.find_all(self._table.name):
            self._mask_client_id(json_object(record[self._table["instance_metadata"]]) or {})
        for kept in session.find_all(self._secret.name):
            self._secrets.add(kept[self._secret["secret"]])

    def exists(self, session: Session, instance_id: str) -> bool:
        """Tell whether a console is registered under this Instance Id."""
        return bool(instance_id) and session.get(self._table.name, instance_id) is not None

    def configuration(self, session: Session, instance_id: str) -> Configuration:
        """Return how to reach the console; raises ConfigurationError where that cannot be told."""
        record = session.get(self._table.name, instance_id)
        if record is None:
            raise ConfigurationError(f"Instance Id {instance_id!r} is no longer registered")
        pairs = dict(read_pairs(record[self._table["instance_metadata"]]))
        kept = self._kept(session, instance_id)
        if kept is not None:
            pairs[self._password] = kept[self._secret["secret"]]
        return Configuration.read(self._names, pairs)

    def _keep_secret(self, context: RuleContext) -> None:
        column = self._table["instance_metadata"]
        try:
            pairs = dict(read_pairs(context.current[column]))
        except ConfigurationError:
            return
        self._mask_client_id(pairs)
        secret = pairs.get(self._password)
        if not isinstance(secret, str) or secret in {"", MASK}:
            self._hold_back(context, pairs)
            return
        pairs[self._password] = MASK
        context.current[column] = write_json(pairs)
        if is_storable(secret):
            self._keep(context.session, context.current["sys_id"], secret)
        else:
            message = f"{self._password!r} has characters that cannot be stored (NUL): dropped"
            context.report("secret-dropped", message, column)

    def _hold_back(self, context: RuleContext, pairs: Mapping[str, object]) -> None:
        """Forget the Secret if somebody who need not know it changes where it, or the token got by it, is sent."""
        user, column = context.session.user, self._table["instance_metadata"]
        if context.previous is None or user.unrestricted or ADMIN_ROLE in user.roles:
            return
        self._forget_elsewhere(context, context.previous[column], pairs)

    def _follow_rules(self, context: RuleContext) -> None:
        """Treat what stored rules have made of a registration as written by somebody who need not know the Secret."""
        column = self._table["instance_metadata"]
        asked = context.rewritten.get(column)
        if asked is not None:
            self._forget_elsewhere(context, asked, json_object(context.current[column]) or {})
            self._keep_secret(context)
        _check_length(context, column)

    def _forget_elsewhere(self, context: RuleContext, before: str, pairs: Mapping[str, object]) -> None:
        """Forget the Secret if the addresses differ from those before."""
        addresses = json_object(before) or {}
        changed = [name for name in self._addresses if addresses.get(name) != pairs.get(name)]
        if changed and self._forget(context.session, context.current["sys_id"]):
            message = f"{' and '.join(changed)} changed without {self._password}, so the Secret was forgotten"
            context.report("secret-forgotten", message, self._table["instance_metadata"])

    def _report_bounds(self, context: RuleContext) -> None:
        """Report what of the configuration is not done as it says; what cannot be used fails its deliveries."""
        column = self._table["instance_metadata"]
        with suppress(ConfigurationError):
            for message in Configuration.read(self._names, read_pairs(context.current[column])).bounded:
                context.report("configuration-bounded", message, column)

    def _mask_client_id(self, pairs: Mapping[str, object]) -> None:
        """Let a Client Id appear in no output in full; any other user name may be an ordinary word elsewhere."""
        client_id = pairs.get(self._username)
        if isinstance(client_id, str) and is_guid(client_id):
            self._secrets.add(client_id)

    def _keep(self, session: Session, instance_id: str, secret: str) -> None:
        self._secrets.add(secret)
        kept = self._kept(session, instance_id)
        if kept is not None:
            session.update(self._secret.name, kept.sys_id, {self._secret["secret"]: secret})
            self._retire(session, kept)
            return
        values = {self._secret["configuration"]: instance_id, self._secret["secret"]: secret}
        session.insert(self._secret.name, values)

    def _forget_client_id(self, context: RuleContext) -> None:
        """Let a Client Id be forgotten in time that no registration has any more."""
        column = self._table["instance_metadata"]
        client_id = self._client_id((context.previous or context.current)[column])
        if is_guid(client_id) and not context.session.query(self._table.name, f"{column}LIKE{client_id}", limit=1):
            context.session.on_commit(lambda: self._secrets.retire(client_id))

    def _client_id(self, pairs: str) -> str:
        return str((json_object(pairs) or {}).get(self._username, ""))

    def _forget_secret(self, context: RuleContext) -> None:
        self._forget(context.session, context.current["sys_id"])

    def _forget(self, session: Session, instance_id: str) -> bool:
        """Forget a Secret; return whether there was one."""
        kept = self._kept(session, instance_id)
        if kept is not None:
            session.delete(self._secret.name, kept.sys_id)
            self._retire(session, kept)
        return kept is not None

    def _retire(self, session: Session, gone: Record) -> None:
        """Let a Secret be forgotten in time that has been replaced or deleted, unless another registration has it."""
        secret = gone[self._secret["secret"]]
        if session.find(self._secret.name, **{self._secret["secret"]: secret}) is None:
            session.on_commit(lambda: self._secrets.retire(secret))

    def _kept(self, session: Session, instance_id: str) -> Record | None:
        return session.find(self._secret.name, **{self._secret["configuration"]: instance_id})


def _check_length(context: RuleContext, column: str) -> None:
    """Abort a write of more pairs than anybody registers, because they are read again with each delivery."""
    length = len(context.current[column])
    if length > LONGEST_PAIRS:
        context.abort(f"'{column}' has {length:,} characters; expected at most {LONGEST_PAIRS:,}")
