"""What every new instance starts as, worked out once."""

import gc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from typing import Self

from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.table_files import Definitions
from mock_servicenow.now_platform.errors import OperationFailed, SetupError
from mock_servicenow.now_platform.identity.roles import end_lives
from mock_servicenow.now_platform.instance import Instance
from mock_servicenow.now_platform.provisioning.provisioning import (
    DEFAULT_NAME,
    DEFAULT_PASSWORD,
    Administrator,
    FirstRows,
    administrator_name,
    fill,
    first_passwords,
    keep_first_passwords,
    note_first_passwords,
    provision,
    retire_default_password,
)
from mock_servicenow.now_platform.records.kernel import Compiled, Schema
from mock_servicenow.now_platform.records.session import Session
from mock_servicenow.now_platform.release_profile import ReleaseProfile
from mock_servicenow.now_platform.storage.database import Database
from mock_servicenow.now_platform.storage.store import Store
from mock_servicenow.privilege_manager.scoped_app import USER_IDS, first_rows
from mock_servicenow.privilege_manager.tables import AppTables
from mock_servicenow.settings import Settings
from privman_contracts import InferredNamesError, WireNames
from privman_contracts.contract_checks import ContractChecks
from privman_core.clock import Clock
from privman_core.findings import Findings
from privman_core.ids import Ids
from privman_core.masking import Secrets
from privman_core.snapshots import SnapshotError, StateCopy, require_room
from privman_core.virtual_clock import VirtualClock

_ADVICE = ". If it was pulled, pull it again with the same --inferred, or serve without that"
_BLUEPRINTS = 4
_DATABASES = 4  # that of the first rows, and those that are served now


class StartError(SetupError):
    """Raised where the command's files, database or options cannot be used; the message is one line for the user."""


class Blueprint:
    """The dictionary of an instance and its first rows. Drawing one is slow, building instances from it is fast.

    Attributes:
        names: the spellings of the wire.
        tables: those of the scoped app.
        checks: judge exchanges by their contracts.
        password_columns: names in lower case of the columns of every table that hold passwords.
        findings: what the first rows say without effect.
    """

    def __init__(
        self, settings: Settings, release: ReleaseProfile, names: WireNames, tables: AppTables, definitions: Definitions
    ) -> None:
        self._release = release
        self.names = names
        self.tables = tables
        self.checks = ContractChecks(names, "servicenow")
        self.dictionary = dictionary = definitions.dictionary
        self.password_columns = dictionary.password_columns()
        self.findings = Findings()
        self._definitions = definitions
        self._settings = settings
        self._image = b""
        self._drawn: Schema | None = None
        self._compiled = Compiled.of(dictionary)
        self._databases = lru_cache(_DATABASES)(partial(Database, schema=dictionary.sql))

    @classmethod
    def of(cls, settings: Settings) -> "Blueprint":
        """Return the blueprint for these settings, which those share that name no files and have the same first state.

        Raises StartError if a file cannot be used.
        """
        if settings.inferred or settings.tables or settings.data:  # they may have changed
            return cls.draw(settings)
        alike = replace(settings, database="", url="", admin_token="", control_plane=True, ca_file=None, proxies=())
        return _drawn(alike)

    @classmethod
    def draw(cls, settings: Settings) -> Self:
        """Return a new blueprint for these settings; raises StartError if one of their files cannot be used."""
        with _as_start_error(), _uncollected():
            release = ReleaseProfile.load(settings.release)
            names = WireNames.load(settings.inferred)
            tables = AppTables(names)
            definitions = Definitions.packaged()
            definitions.add(tables.definitions(), _ADVICE if settings.inferred else "")
            for file in settings.tables:
                definitions.read(file)
            return cls(settings, release, names, tables, definitions)

    def named(self, administrator: str) -> "Blueprint":
        """Return this blueprint with another user name of the administrator; an empty one changes nothing."""
        if administrator in {"", self._settings.username or DEFAULT_NAME}:
            return self
        settings = replace(self._settings, username=administrator)
        return Blueprint(settings, self._release, self.names, self.tables, self._definitions)

    def database(self, url: str) -> Database:
        """Return the database of that URL with the statements compiled for it; raises StoreError."""
        return self._databases(url)

    def instance(self, store: Store, clock: Clock, ids: Ids, secrets: Secrets | None = None) -> Instance:
        """Return an instance whose database `build` has yet to prepare."""
        return Instance(
            dictionary=self.dictionary,
            store=store,
            clock=clock,
            ids=ids,
            secrets=secrets or Secrets(),
            release=self._release,
            compiled=self._compiled,
            tokens_end_with_client=self.names.find("rules.ended_client_tokens").value == "refused",
            key=self._settings.key,
        )

    def build(self, instance: Instance) -> bool:
        """Give an instance with an empty database its first rows; one that has rows keeps them.

        Returns whether it was empty. Raises StartError if the database or a file of rows cannot be used.
        """
        store = instance.store
        with _as_start_error(), store.exclusive():
            if store.is_made():
                self._provision(store, provision)
                instance.load_tables()
                self._check_administrator(instance)
                self._check_rules(instance)
                retire_default_password(instance, self._settings.password, USER_IDS)
                instance.ids.go_on(store.count_start())
                return False
            if not store.embedded:
                self._provision(store, provision)
            elif self._image:
                self._restore(instance)
            else:
                self._draw(store)
                self._adopt(instance)
            self._check_rules(instance)
            return True

    def _check_administrator(self, instance: Instance) -> None:
        """Raise StartError if the database's administrator has another name than the settings say."""
        asked, known = self._settings.username, administrator_name(instance)
        if asked and known and asked != known:
            expected = "leave --username out, or start with an empty database"
            raise StartError(f"--username is {asked!r}; the administrator of the database is {known!r}: {expected}")

    def _check_rules(self, instance: Instance) -> None:
        """Raise DictionaryError for an access rule with an unknown role or condition; what ships has none."""
        if self._settings.tables:
            instance.check_rules(self._definitions.rules)

    def rebuild(self, instance: Instance) -> None:
        """Return an instance to its first rows; raises DatabaseUnavailable."""
        store = instance.store
        with _available(instance), store.exclusive():
            begin = partial(_begin, first_passwords(instance))
            if store.embedded:
                self._restore(instance)
                with instance.transaction(instance.system) as session:
                    begin(session)
            else:
                self._provision(store, fill, begin)
        instance.cache.clear()

    def copy(self, instance: Instance, most_bytes: int) -> StateCopy:
        """Return a copy of an instance's records and tables; raises SnapshotError and DatabaseUnavailable."""
        store = instance.store
        if not store.embedded:
            raise SnapshotError(
                "snapshots need an embedded database; PostgreSQL copies its own with CREATE DATABASE … TEMPLATE …"
            )
        with _available(instance):
            require_room(store.size, most_bytes)
            image = store.image()
        return StateCopy((image, instance.schema), len(image))

    def put_back(self, instance: Instance, copy: StateCopy) -> None:
        """Return an instance to a copy of its records, its sessions and codes ended; raises DatabaseUnavailable."""
        image, schema = copy.value
        with _available(instance):
            instance.store.restore(image)
            instance.adopt(schema)
            with instance.transaction(instance.system) as session:
                end_lives(session)

    def _restore(self, instance: Instance) -> None:
        """Give an embedded database its first rows, and the instance the tables that those define."""
        if not self._image:
            with closing(Store(self.database("sqlite://"))) as store:
                self._draw(store)
        instance.store.restore(self._image)
        self._adopt(instance)

    def _draw(self, store: Store) -> None:
        """Give an empty embedded database its first rows, and keep their image."""
        with _uncollected():
            self._drawn = self._provision(store, provision)
            self._image = store.image()

    def _adopt(self, instance: Instance) -> None:
        instance.adopt(instance.first if self._drawn is None else self._drawn)

    def _provision(
        self, store: Store, rows: Callable[..., None], and_then: Callable[[Session], None] = lambda _session: None
    ) -> Schema | None:
        """Fill a database with rows that depend on the settings alone, not on the clock and ids of its instance.

        Returns the tables that the rows define; None if these are the dictionary's.
        """
        settings, instance = self._settings, self.instance(store, VirtualClock(), Ids(0))
        self.findings = Findings()

        def end(session: Session) -> None:
            if settings.password != DEFAULT_PASSWORD:
                note_first_passwords(session, USER_IDS)
            and_then(session)

        administrator = Administrator(settings.username or DEFAULT_NAME, settings.password)
        app = tuple(first_rows(self.tables, settings.password))
        shipped = _shipped(self.tables) if settings.tables else None
        rows(instance, FirstRows(administrator, app, tuple(settings.data), shipped), end, self.findings)
        return None if instance.schema is instance.first else instance.schema


def _shipped(tables: AppTables) -> Dictionary:
    """Return the tables that ship, with those of the app."""
    definitions = Definitions.packaged()
    definitions.add(tables.definitions())
    return definitions.dictionary


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from running: what is drawn lasts, and to search it again and again takes as long."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@lru_cache(_BLUEPRINTS)
def _drawn(settings: Settings) -> Blueprint:
    return Blueprint.draw(settings)


def _begin(first: list[dict[str, str]], session: Session) -> None:
    """End the sessions and codes of before a reset, and keep the first passwords."""
    end_lives(session)
    keep_first_passwords(session, first)


@contextmanager
def _available(instance: Instance) -> Iterator[None]:
    """Raise DatabaseUnavailable where the database fails."""
    try:
        yield
    except instance.store.failures as failure:
        raise instance.unavailable(failure) from None


@contextmanager
def _as_start_error() -> Iterator[None]:
    """Raise StartError for an error in a user's file."""
    try:
        yield
    except (InferredNamesError, SetupError) as error:
        raise StartError(str(error)) from None
    except OperationFailed as error:
        raise StartError(f"the database cannot be used: {error.detail}") from None
    except OSError as error:
        raise StartError(f"{error.filename}: {error.strerror}") from None
