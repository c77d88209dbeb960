"""Opening the database that a URL names."""

import sqlite3

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from mock_servicenow.now_platform.storage.folding import teach_casefold


class StoreError(Exception):
    """A database URL that cannot be used; the message shows it without its password."""


def open_engine(url: str) -> sa.Engine:
    """Return the engine of a database that has answered; raises StoreError."""
    address = _address(url)
    try:
        engine = _embedded(address) if address.get_backend_name() == "sqlite" else sa.create_engine(address)
        with engine.connect():
            return engine
    except sa.exc.DBAPIError as error:
        reason = " ".join(str(error.orig).split())
    except ModuleNotFoundError as error:
        reason = f"the Python package {error.name} is not installed"
    raise StoreError(f"database {address.render_as_string()!r} cannot be opened: {reason}")


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise StoreError(f"database URL {url!r} is not usable: {_EXPECTED}") from None
    if address.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise StoreError(f"database URL '{address.drivername}://…' is not usable: {_EXPECTED}")
    return address


_EXPECTED = "expected sqlite:// or postgresql+psycopg://"


def _embedded(address: sa.URL) -> sa.Engine:
    # isolation_level None leaves BEGIN to Transaction.lock; a store keeps its one connection, which nobody else uses.
    engine = sa.create_engine(
        address, poolclass=NullPool, connect_args={"check_same_thread": False, "isolation_level": None}
    )
    sa.event.listen(engine, "connect", _tune)
    return engine


def _tune(driver: sqlite3.Connection, _record: object) -> None:
    driver.execute("PRAGMA journal_mode=WAL")
    driver.execute("PRAGMA synchronous=NORMAL")
    teach_casefold(driver)
