"""What the console left in its Integration Configuration record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from mock_servicenow.now_platform.dictionary.values import is_storable
from mock_servicenow.privilege_manager.json_text import json_object
from mock_servicenow.privilege_manager.time_spans import parse_clock
from privman_contracts.wire_names import WireNames

_BODY = "instance_metadata"
_MOST_DIGITS = 9
_LONGEST_SHOWN = 200


class ConfigurationError(ValueError):
    """Raised when a decision cannot be delivered with what the console registered; the message names the pair."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """How decisions reach the console (integration 3, ``instance_metadata``).

    Attributes:
        wait: the time between two attempts, at least what the rule ``shortest_wait`` says.
        retries: how many attempts may follow the first, at most what the rule ``most_retries`` says.
        bounded: says for each pair that asks for more, or for less, what is done instead.
    """

    username: str
    password: str = field(repr=False)
    wait: timedelta
    token_url: str
    endpoint_url: str
    retries: int
    bounded: tuple[str, ...] = ()

    @classmethod
    def read(cls, names: WireNames, pairs: Mapping[str, object]) -> Self:
        """Return the configuration in the name-value pairs; raises ConfigurationError."""

        def value(key: str) -> str:
            return _pair(pairs, names.key(_BODY, key))

        wait = parse_clock(value("Minimum wait time"))
        retries = value("Maximum retry attempts")
        if wait is None:
            raise ConfigurationError(f"'Minimum wait time' is {_short(value('Minimum wait time'))}; expected HH:MM:SS")
        if not retries.isascii() or not retries.isdecimal():
            raise ConfigurationError(f"'Maximum retry attempts' is {_short(retries)}; expected a whole number")
        shortest, most = timedelta(seconds=names.number("shortest_wait")), names.number("most_retries")
        many = len(retries.lstrip("0")) > _MOST_DIGITS or int(retries) > most
        bounded = []
        if wait < shortest:
            told = f"'Minimum wait time' is {value('Minimum wait time')!r}"
            bounded.append(f"{told}: {shortest.total_seconds():.0f} s are waited")
        if many:
            bounded.append(f"'Maximum retry attempts' is {_short(retries)}: at most {most} retries are made")
        return cls(
            username=value("Username"),
            password=value("Password"),
            wait=max(wait, shortest),
            token_url=_url("Token Url", value("Token Url")),
            endpoint_url=_url("Endpoint Url", value("Endpoint Url")),
            retries=most if many else int(retries),
            bounded=tuple(bounded),
        )


def read_pairs(instance_metadata: str) -> Mapping[str, object]:
    """Return the pairs of a name-value column; raises ConfigurationError where the text is no JSON object."""
    pairs = json_object(instance_metadata)
    if pairs is None:
        raise ConfigurationError("'instance_metadata' holds no JSON object; expected name-value pairs")
    return pairs


def _pair(pairs: Mapping[str, object], key: str) -> str:
    value = pairs.get(key, "")
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"'instance_metadata' has no text for {key!r}")
    if not is_storable(value):
        raise ConfigurationError(f"{key!r} contains a NUL character; expected text")
    return value


def _short(value: str) -> str:
    return repr(value) if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]!r}… ({len(value)} characters)"


def _url(key: str, url: str) -> str:
    if not url.lower().startswith(("http://", "https://")):
        raise ConfigurationError(f"{key!r} is {_short(url)}; expected an http or https address")
    return url
