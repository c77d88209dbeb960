"""Registrations of consoles; the Secret is stored in a table of its own."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from msgspec import Struct

from mock_servicenow.now_platform.dictionary.values import is_storable
from mock_servicenow.now_platform.records.kernel import Fact
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext, Session
from mock_servicenow.now_platform.users import ADMIN_ROLE
from mock_servicenow.privilege_manager.tables import MASK, AppTables, ConfigurationRow, SecretRow
from mock_servicenow.privilege_manager.wire_formats import is_guid, json_object, parse_clock, write_json
from privman_contracts.wire_names import WireNames
from privman_core.cuts import cut
from privman_core.masking import Secrets
from privman_core.natural_numbers import natural_number

_LONGEST_SHOWN = 200


class ConfigurationError(ValueError):
    """A registration is unusable for deliveries; the message names the pair."""


class ConfigurationRules(Struct, frozen=True):
    """The spelling of a registration's keys, and the limits on its values."""

    key: Mapping[str, str]
    shortest_wait: timedelta
    most_retries: int

    @classmethod
    def of(cls, names: WireNames) -> Self:
        """Return those of the wire names."""
        shortest = timedelta(seconds=names.number("shortest_wait"))
        return cls(names.group("keys.instance_metadata"), shortest, names.number("most_retries"))


@dataclass(frozen=True, slots=True)
class Configuration:
    """The name-value pairs of a registration (``instance_metadata``).

    Attributes:
        wait: time between two attempts, at least the rule ``shortest_wait``.
        retries: attempts after the first, at most the rule ``most_retries``.
        bounded: a message for each value that is replaced by such a limit.
    """

    username: str
    password: str = field(repr=False)
    wait: timedelta
    token_url: str
    endpoint_url: str
    retries: int
    bounded: tuple[str, ...] = ()

    @classmethod
    def read(cls, rules: ConfigurationRules, pairs: Mapping[str, object]) -> Self:
        """Return the configuration in the name-value pairs; raises ConfigurationError."""

        def value(key: str) -> str:
            return _pair(pairs, rules.key[key])

        wait = parse_clock(value("Minimum wait time"))
        asked_retries = value("Maximum retry attempts")
        retries = natural_number(asked_retries)
        if wait is None:
            raise ConfigurationError(f"'Minimum wait time' is {_short(value('Minimum wait time'))}; expected HH:MM:SS")
        if retries is None:
            raise ConfigurationError(f"'Maximum retry attempts' is {_short(asked_retries)}; expected a whole number")
        shortest, most = rules.shortest_wait, rules.most_retries
        bounded = []
        if wait < shortest:
            asked = f"'Minimum wait time' is {value('Minimum wait time')!r}"
            bounded.append(f"{asked}: {shortest.total_seconds():.0f} s are waited")
        if retries > most:
            bounded.append(f"'Maximum retry attempts' is {_short(asked_retries)}: at most {most} retries are made")
        return cls(
            username=value("Username"),
            password=value("Password"),
            wait=max(wait, shortest),
            token_url=_url("Token Url", value("Token Url")),
            endpoint_url=_url("Endpoint Url", value("Endpoint Url")),
            retries=min(retries, most),
            bounded=tuple(bounded),
        )


def read_pairs(instance_metadata: str) -> Mapping[str, object]:
    """Return the pairs of a name-value column; raises ConfigurationError unless it is a JSON object."""
    pairs = json_object(instance_metadata)
    if pairs is None:
        raise ConfigurationError("'instance_metadata' is not a JSON object; expected name-value pairs")
    return pairs


def _pair(pairs: Mapping[str, object], key: str) -> str:
    value = pairs.get(key, "")
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"'instance_metadata' has no text for {key!r}")
    if not is_storable(value):
        raise ConfigurationError(f"{key!r} contains a NUL character; expected text")
    return value


def _short(value: str) -> str:
    shown = repr(cut(value, _LONGEST_SHOWN))
    return shown if len(value) <= _LONGEST_SHOWN else f"{shown} ({len(value)} characters)"


def _url(key: str, url: str) -> str:
    if not url.lower().startswith(("http://", "https://")):
        raise ConfigurationError(f"{key!r} is {_short(url)}; expected an http or https address")
    return url


LONGEST_PAIRS = 256 * 1024
"""Characters of name-value pairs that are accepted: four times the documented length of the column (I)."""


_PAIRS = ConfigurationRow.instance_metadata


class Registrations:
    """The Integration Configuration records and their Secrets."""

    def __init__(self, tables: AppTables, names: WireNames, secrets: Secrets) -> None:
        self._table = tables.configuration
        self._kept_apart = tables.secret
        self._secrets = secrets
        self._rules = ConfigurationRules.of(names)
        key = self._rules.key
        self._username, self._password = key["Username"], key["Password"]
        self._addresses = [key["Token Url"], key["Endpoint Url"]]
        self._registered = Fact("registered consoles", self._table.name)
        self._configurations = Fact("configurations of deliveries", self._table.name, self._kept_apart.name)

    def rules(self) -> list[BusinessRule]:
        """Return the rules that protect the Secrets and report limited values."""
        written: frozenset[Operation] = frozenset({"insert", "update"})
        gone: frozenset[Operation] = frozenset({"update", "delete"})
        name = self._table.name
        return [
            # First, so that stored rules never see the Secret; and last, so that none sends it to another address.
            BusinessRule("Keep the Secret apart", name, "before", written, self._keep_secret, order=-math.inf),
            BusinessRule("Hold the Secret back", name, "before", written, self._follow_rules, order=math.inf),
            BusinessRule("Bound the configuration", name, "after", written, self._report_bounds),
            BusinessRule("Forget the Client Id", name, "after", gone, self._forget_client_id),
            BusinessRule("Forget the Secret", name, "after", frozenset({"delete"}), self._forget_secret),
        ]

    def remember(self, session: Session) -> None:
        """Mask the stored Client Ids and Secrets in every output, as the process that received them did."""
        for row in self._table.all(session):
            self._mask_client_id(json_object(row.instance_metadata) or {})
        for kept in self._kept_apart.all(session):
            self._secrets.add_chosen(kept.secret)

    def exists(self, session: Session, instance_id: str) -> bool:
        """Return whether a console is registered under this Instance Id."""
        return session.kernel.cache.get(
            self._registered, instance_id, lambda: self._table.get(session, instance_id) is not None
        )

    def configuration(self, session: Session, instance_id: str) -> Configuration:
        """Return the configuration of a registration; raises ConfigurationError."""
        return session.kernel.cache.get(self._configurations, instance_id, lambda: self._read(session, instance_id))

    def newest_endpoints(self, session: Session, most: int) -> list[str]:
        """Return the addresses to which the newest registrations want decisions posted, the newest first."""
        records = (record for some in session.newest(self._table.name, most) for record in some)
        pairs = (json_object(self._table.row(record).instance_metadata) or {} for record in records)
        return [str(each.get(self._rules.key["Endpoint Url"], "")) for each in pairs]

    def _read(self, session: Session, instance_id: str) -> Configuration:
        registration = self._table.get(session, instance_id)
        if registration is None:
            raise ConfigurationError(f"Instance Id {instance_id!r} is no longer registered")
        pairs = dict(read_pairs(registration.instance_metadata))
        kept = self._kept(session, instance_id)
        if kept is not None:
            pairs[self._password] = kept.secret
        configuration = Configuration.read(self._rules, pairs)
        self._secrets.add_chosen(configuration.password)
        return configuration

    def _keep_secret(self, context: RuleContext) -> None:
        current = self._table.current(context)
        try:
            pairs = dict(read_pairs(current.instance_metadata))
        except ConfigurationError:
            return
        self._mask_client_id(pairs)
        secret = pairs.get(self._password)
        if not isinstance(secret, str) or secret in {"", MASK}:
            self._hold_back(context, pairs)
            return
        pairs[self._password] = MASK
        self._table.set(context, _PAIRS, write_json(pairs))
        if is_storable(secret):
            self._keep(context.session, current.sys_id, secret)
        else:
            message = f"{self._password!r} has characters that cannot be stored (NUL): dropped"
            context.report("secret-dropped", message, self._table[_PAIRS])

    def _hold_back(self, context: RuleContext, pairs: Mapping[str, object]) -> None:
        """Delete the Secret if a user who may not know it changes the address that it, or its token, is sent to."""
        user, previous = context.session.user, self._table.previous(context)
        if previous is None or user.unrestricted or ADMIN_ROLE in user.roles:
            return
        self._forget_elsewhere(context, previous.instance_metadata, pairs)

    def _follow_rules(self, context: RuleContext) -> None:
        """Treat changes by stored rules as made by a user who may not know the Secret."""
        asked, current = context.rewritten.get(self._table[_PAIRS]), self._table.current(context)
        if asked is not None:
            self._forget_elsewhere(context, asked, json_object(current.instance_metadata) or {})
            self._keep_secret(context)
        _check_length(context, self._table[_PAIRS])

    def _forget_elsewhere(self, context: RuleContext, before: str, pairs: Mapping[str, object]) -> None:
        """Delete the Secret if the addresses have changed."""
        addresses = json_object(before) or {}
        changed = [name for name in self._addresses if addresses.get(name) != pairs.get(name)]
        if changed and self._forget(context.session, context.current["sys_id"]):
            message = f"{' and '.join(changed)} changed without {self._password}, so the Secret was forgotten"
            context.report("secret-forgotten", message, self._table[_PAIRS])

    def _report_bounds(self, context: RuleContext) -> None:
        """Report values that are limited; unusable ones fail the deliveries."""
        pairs = self._table.current(context).instance_metadata
        with suppress(ConfigurationError):
            for message in Configuration.read(self._rules, read_pairs(pairs)).bounded:
                context.report("configuration-bounded", message, self._table[_PAIRS])

    def _mask_client_id(self, pairs: Mapping[str, object]) -> None:
        """Mask a Client Id; another user name may be an ordinary word."""
        client_id = pairs.get(self._username)
        if isinstance(client_id, str) and is_guid(client_id):
            self._secrets.add(client_id)

    def _keep(self, session: Session, instance_id: str, secret: str) -> None:
        self._secrets.add_chosen(secret)
        kept = self._kept(session, instance_id)
        if kept is not None:
            self._kept_apart.update(session, kept.sys_id, {SecretRow.secret: secret})
            self._retire(session, kept)
            return
        self._kept_apart.insert(session, {SecretRow.configuration: instance_id, SecretRow.secret: secret})

    def _forget_client_id(self, context: RuleContext) -> None:
        """Retire a Client Id that no registration has any more."""
        gone = self._table.previous(context) or self._table.current(context)
        client_id, query = self._client_id(gone.instance_metadata), f"{self._table[_PAIRS]}LIKE"
        if is_guid(client_id) and not context.session.query(self._table.name, f"{query}{client_id}", limit=1):
            context.session.on_commit(lambda: self._secrets.retire(client_id))

    def _client_id(self, pairs: str) -> str:
        return str((json_object(pairs) or {}).get(self._username, ""))

    def _forget_secret(self, context: RuleContext) -> None:
        self._forget(context.session, context.current["sys_id"])

    def _forget(self, session: Session, instance_id: str) -> bool:
        """Delete a Secret; return whether there was one."""
        kept = self._kept(session, instance_id)
        if kept is not None:
            session.delete(self._kept_apart.name, kept.sys_id)
            self._retire(session, kept)
        return kept is not None

    def _retire(self, session: Session, gone: SecretRow) -> None:
        """Retire a replaced or deleted Secret, unless another registration has it."""
        secret = gone.secret
        if self._kept_apart.find(session, {SecretRow.secret: secret}) is None:
            session.on_commit(lambda: self._secrets.retire(secret))

    def _kept(self, session: Session, instance_id: str) -> SecretRow | None:
        return self._kept_apart.find(session, {SecretRow.configuration: instance_id})


def _check_length(context: RuleContext, column: str) -> None:
    """Refuse excessively long pairs, because each delivery reads them."""
    length = len(context.current[column])
    if length > LONGEST_PAIRS:
        context.abort(f"'{column}' has {length:,} characters; expected at most {LONGEST_PAIRS:,}")
