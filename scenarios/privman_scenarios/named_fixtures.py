"""The fixtures under their names: function-, module- or session-scoped; the latter two are reset before each test.

Every run of pytest defines them, used or not, so what they need is imported by the first that is used.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import pytest

from privman_scenarios.mock_mark import MARK

if TYPE_CHECKING:
    from privman_core.loop_thread import LoopThread
    from privman_scenarios.fixture_set import FixtureSet
    from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
    from privman_scenarios.playing.world_builder import WorldBuilder

# The property of a test's report, which travels from the processes of pytest-xdist and goes to --junit-xml.
UNLISTED = "privman_unlisted"
OPTION = "privman_fixture_names"
Scope = Literal["function", "module", "session"]
_PREFIXES: Mapping[Scope, str] = {"function": "", "module": "module_", "session": "session_"}
_PARTIES = ("servicenow", "console", "world")
_NAMES = tuple(f"{prefix}{party}" for prefix in _PREFIXES.values() for party in _PARTIES)


class NamedFixtures:
    """The fixtures of a run.

    Each has a name that no project takes, such as ``privman_console``, and a short one. No fixture depends on a short
    name, so a project that has a ``console`` of its own loses only ours.

    Args:
        renamed: lines such as ``console = pm_console``; raises pytest.UsageError.
    """

    def __init__(self, renamed: Sequence[str]) -> None:
        self._names = _renamed(renamed)
        self._open: dict[Scope, FixtureSet] = {}

    def plugin(self) -> ModuleType:
        """Return a plugin that defines them."""
        defined = ModuleType("privman_named_fixtures")
        for scope in _PREFIXES:
            for name, fixture in self._of(scope):
                setattr(defined, name, fixture)
        return defined

    def begin_clean(self, item: pytest.Item) -> None:
        """Let a test begin clean that may use what other tests have used."""
        asked = getattr(item, "fixturenames", None)
        if asked is None:
            return
        for scope in ("module", "session"):
            is_named = not self._names_of(scope).isdisjoint(asked)
            if is_named and item.get_closest_marker(MARK):
                fail(f"the mark {MARK} is for fixtures that are fresh in every test, and not for {scope}_… fixtures.")
            if (is_named or scope in self._open) and _clean(scope) not in asked:
                asked.insert(0, _clean(scope))

    def judge(self, item: pytest.Item) -> None:
        """Fail a test whose function has returned for what it did to the parties."""
        _fail_for([text for made in self._used_by(item) for text in made.complaints(strict=_strict(item.config))])

    def explain(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Show with a failed test what may explain it, which is then no second failure."""
        for made in self._used_by(item):
            report.sections += made.explanations(strict=_strict(item.config))

    def _used_by(self, item: pytest.Item) -> "Iterable[FixtureSet]":
        """Return what a test may have used: it began with all that is open in its initial state."""
        return self._open.values() if hasattr(item, "fixturenames") else ()

    def _names_of(self, scope: Scope) -> set[str]:
        own = [f"{_PREFIXES[scope]}{party}" for party in _PARTIES]
        return {*(self._names[name] for name in own), *(f"privman_{name}" for name in own)}

    def _of(self, scope: Scope) -> Iterator[tuple[str, Any]]:
        yield _set(scope), pytest.fixture(scope=scope, name=_set(scope))(self._opened(scope))
        yield _clean(scope), pytest.fixture(name=_clean(scope))(_cleaned(scope))
        for party, function in _fixtures(scope).items():
            name = f"{_PREFIXES[scope]}{party}"
            for each in (f"privman_{name}", self._names[name]):
                yield each, pytest.fixture(scope=scope, name=each)(function)

    def _opened(self, scope: Scope) -> Callable[..., "Iterator[FixtureSet]"]:
        def opened(
            request: pytest.FixtureRequest, privman_loop: "LoopThread", privman_worlds: "WorldBuilder"
        ) -> "Iterator[FixtureSet]":
            """Both parties, nothing set up."""
            worlds = request.getfixturevalue("privman_marked_worlds") if scope == "function" else privman_worlds
            made = _made(privman_loop, worlds)
            if scope == "function":
                request.node.user_properties += ((UNLISTED, sentence) for sentence in worlds.unlisted)
            elif why := made.why_never_clean:
                made.close()
                fail(f"{scope}_… fixtures reset both parties before each test, which is not possible: {why}.")
            else:
                made.remember_clean()
            self._open[scope] = made
            yield made
            del self._open[scope]
            _fail_for(made.end(strict=_strict(request.config)) if scope == "function" else made.close())

        return opened


def _made(loop: "LoopThread", worlds: "WorldBuilder") -> "FixtureSet":
    from privman_scenarios.errors import ScenariosError  # noqa: PLC0415 - see the module's docstring
    from privman_scenarios.fixture_set import FixtureSet  # noqa: PLC0415 - see the module's docstring

    try:
        return FixtureSet(loop, worlds)
    except ScenariosError as error:
        fail(str(error))


def _cleaned(scope: Scope) -> Callable[..., Iterator[None]]:
    def cleaned(request: pytest.FixtureRequest) -> Iterator[None]:
        """Bring both parties back to their state at start before a test, and judge them after it."""
        made: FixtureSet = request.getfixturevalue(_set(scope))
        with _setting_up():
            made.reset()
        yield
        _fail_for(made.complaints(strict=_strict(request.config)))

    return cleaned


def _fixtures(scope: Scope) -> dict[str, Callable[..., Any]]:
    """Return the functions of the fixtures that tests use."""

    def servicenow(request: pytest.FixtureRequest) -> "ServiceNowFixture":
        found: ServiceNowFixture = request.getfixturevalue(_set(scope)).servicenow
        return found

    def console(request: pytest.FixtureRequest) -> "ConsoleFixture":
        made: FixtureSet = request.getfixturevalue(_set(scope))
        with _setting_up():
            return made.console

    def world(request: pytest.FixtureRequest) -> "WorldFixture":
        made: FixtureSet = request.getfixturevalue(_set(scope))
        with _setting_up():
            return made.world

    when = {"function": "fresh in every test", "module": "one for a module", "session": "one for a run"}[scope]
    begins = "" if scope == "function" else " Each test begins with it clean."
    judged = f"{when}; a broken contract fails the test.{begins}"
    servicenow.__doc__ = f"A running ServiceNow instance, {judged}"
    console.__doc__ = f"A running console, set up against the ServiceNow instance, {judged}"
    world.__doc__ = f"Both parties, set up and registered, {judged}"
    return {"servicenow": servicenow, "console": console, "world": world}


def _set(scope: Scope) -> str:
    return f"privman_{_PREFIXES[scope]}set"


def _clean(scope: Scope) -> str:
    return f"privman_{_PREFIXES[scope]}clean"


def _strict(config: pytest.Config) -> bool:
    strict: bool = config.getoption("--privman-strict")
    return strict


@contextmanager
def _setting_up() -> Iterator[None]:
    from privman_scenarios.errors import ExpectationError  # noqa: PLC0415 - see the module's docstring

    try:
        yield
    except ExpectationError as error:
        fail(f"the console cannot be set up: {error}")


def _fail_for(complaints: Sequence[str]) -> None:
    if complaints:
        fail("\n".join(complaints))


def fail(message: str) -> NoReturn:
    """Fail the test with what may come from a server, and is printed as it is."""
    from privman_scenarios.output import presentable  # noqa: PLC0415 - see the module's docstring

    raise pytest.fail.Exception(presentable(message), pytrace=False) from None


def _renamed(lines: Sequence[str]) -> dict[str, str]:
    """Return the public name of each fixture; raises pytest.UsageError."""
    names = dict(zip(_NAMES, _NAMES, strict=True))
    for line in lines:
        name, new = (part.strip() for part in line.partition("=")[::2])
        if name not in names:
            _refuse(line, f"unknown fixture {name!r}. {_nearest(name)}")
        if not new.isidentifier():
            _refuse(line, f"invalid name {new!r}. Expected a line such as 'console = pm_console'.")
        names[name] = new
    for new in names.values():
        if [*names.values()].count(new) > 1:
            _refuse("; ".join(lines), f"two fixtures have the name {new!r}. Expected another name for each.")
    return names


def _nearest(name: str) -> str:
    from privman_core.near_words import advice  # noqa: PLC0415 - see the module's docstring

    return advice(name, _NAMES)


def _refuse(line: str, why: str) -> NoReturn:
    raise pytest.UsageError(f"{OPTION}: {line!r}: {why}")
