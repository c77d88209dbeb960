"""The differences between releases of the platform."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Self

import yaml
from msgspec import Struct

from mock_servicenow.now_platform.errors import SetupError
from privman_core.near_words import hint

DEFAULT = "default"


class ReleaseError(SetupError):
    """Raised for an unknown release; the message names the nearest one."""


class ReleaseProfile(Struct, frozen=True):
    """One release; without arguments it is what the mock does where sources disagree.

    Attributes:
        name: the word by which it is loaded.
        build_name: the property ``glide.buildname``.
        not_authenticated: the message of a 401.
        server: the ``Server`` header.
        basic_auth_restricted: whether a newly provisioned instance lets only exceptions in by Basic authentication. The
            mock is an upgraded one, which may go on without (Docs: basic authentication).
        query_acls: whether a query that names a column which the user may not read is a 403 (Docs: query ACLs).
    """

    name: str = DEFAULT
    build_name: str = "Australia"
    not_authenticated: str = "User is not authenticated"
    server: str = "ServiceNow"
    basic_auth_restricted: bool = False
    query_acls: bool = False

    @classmethod
    def load(cls, name: str) -> Self:
        """Return the profile of that name, such as ``yokohama``; raises ReleaseError."""
        if name == DEFAULT:
            return cls()
        releases = _releases()
        if name not in releases:
            raise ReleaseError(_unknown(name, [DEFAULT, *releases]))
        return cls(name, **releases[name])

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names that `load` accepts, the oldest release first."""
        return (DEFAULT, *_releases())

    def rows(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Return the system properties that an instance of this release begins with, each row with its table."""
        yield "sys_properties", {"name": "glide.buildname", "value": self.build_name}
        for switch in ("active", "enforce"):
            name = f"glide.authenticate.basic_auth.restriction.{switch}"
            yield "sys_properties", {"name": name, "value": "false", "type": "boolean"}


def _releases() -> dict[str, dict[str, Any]]:
    text = (files("mock_servicenow.now_platform") / "releases.yaml").read_bytes()
    releases: dict[str, dict[str, Any]] = yaml.load(text, yaml.CSafeLoader)
    return releases


def _unknown(name: str, known: list[str]) -> str:
    return f"unknown release '{name}'{hint(name.lower(), known)}; expected one of {', '.join(known)}"
