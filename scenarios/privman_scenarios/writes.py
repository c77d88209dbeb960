"""The journal of everything that a run sends to a shared system and that is more than a question."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from privman_core.clock import Clock
from privman_core.inputs import reason_of
from privman_scenarios.http_api import Call
from privman_scenarios.output import complain, mask

_QUESTIONS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Write:
    """One request that may have changed something; as text it is one line, secrets masked.

    Attributes:
        at: when it had been answered, in ISO 8601.
        by: ``run``, or ``console`` for the console that the run let act.
        status: 0 when no answer came.
    """

    at: str
    by: str
    method: str
    url: str
    body: str
    status: int

    def to_json(self) -> str:
        """Return a line of JSON, secrets masked."""
        return mask(orjson.dumps(asdict(self)).decode())

    def __str__(self) -> str:
        return mask(f"{self.method} {self.url} {self.body}".rstrip())


class Writes:
    """Tells of each write.

    Args:
        tell: takes it.
        clock: real time.

    Attributes:
        names: the address to name instead of a stand-in's.
    """

    def __init__(self, tell: Callable[[Write], None], clock: Clock) -> None:
        self._tell = tell
        self._clock = clock
        self.names: dict[str, str] = {}
        self._lost: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.require_kept()

    def require_kept(self) -> None:
        """Raise the OSError with which a write could not be kept; nobody else would tell of it."""
        if self._lost:
            raise self._lost

    def __call__(self, call: Call) -> None:
        """Tell of a call of this run, unless it only asked."""
        answer = call.answer
        self._take("run", answer.method, call.url, call.body.decode(errors="replace"), answer.status)

    def of_console(self, exchange: Mapping[str, Any]) -> None:
        """Tell of what the console that this run let act has sent, as its journal has it."""
        self._take("console", exchange["method"], exchange["url"], exchange["request"]["body"], exchange["status"])

    def _take(self, by: str, method: str, url: str, body: str, status: int) -> None:
        if method in _QUESTIONS:
            return
        for stand_in, name in self.names.items():
            url = url.replace(stand_in, name)
        write = Write(self._clock.now().isoformat(), by, method, url, body, status)
        try:
            self._tell(write)
        except OSError as error:
            # The write has happened, so what it created must still be known and deleted.
            self._lost = self._lost or error
            complain("privman-scenarios", f"not kept ({reason_of(error)}): {status} {write}")


def line_in(file: Path) -> Callable[[Write], None]:
    """Return what adds a line about a write to the file, which several processes may share."""

    def tell(write: Write) -> None:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"{write.to_json()}\n")  # masked already

    return tell
