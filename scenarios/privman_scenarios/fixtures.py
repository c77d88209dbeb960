"""The objects that the pytest fixtures return; their calls block until they are done."""

from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

from privman_contracts import PartyName
from privman_core.clock import RealClock
from privman_core.loop_thread import LoopThread
from privman_core.near_words import misspelt
from privman_scenarios.decision import Decision
from privman_scenarios.errors import ExpectationError, UnknownWordError
from privman_scenarios.language import checks, durations, request_checks
from privman_scenarios.language.checks import Flaw
from privman_scenarios.language.expectation import holds_word, is_glob
from privman_scenarios.language.expected_checks import metadata_keys
from privman_scenarios.language.kinds import to_seconds
from privman_scenarios.language.known import ADMINISTRATOR, DEFAULT_APPROVER, INTEGRATION_USER, ITEMS, nearly
from privman_scenarios.language.model import FileTables, Own, with_tables
from privman_scenarios.playing.configuration_verbs import made_by_set_up
from privman_scenarios.playing.control_plane import ControlPlane, Wiped
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.party import ASKED, SET_UP, STARTED, Party
from privman_scenarios.playing.record_checks import A_RESPONSE, A_TABLE, SELECTING
from privman_scenarios.playing.shared_verbs import every_rule
from privman_scenarios.playing.world import PartyFinding, World, find_all
from privman_scenarios.short_tracebacks import is_for_users
from privman_scenarios.user_fixture import UserFixture

__tracebackhide__ = is_for_users
Metadata = Mapping[str, str]


class ClockFixture:
    """The clock of both parties."""

    __slots__ = ("_loop", "_party", "_world")

    def __init__(self, loop: LoopThread, world: World, party: Party) -> None:
        self._loop = loop
        self._world = world
        self._party = party

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.fromisoformat(self._loop.run(self._party.control.now()))

    def advance(self, span: float | str) -> None:
        """Let virtual time jump, by seconds or by a span such as ``16:30:00``.

        Returns when everything that fell due has been answered.

        Raises:
            ExpectationError: time is real.
            UnknownWordError: the text is no span.
        """
        self._loop.run(self._world.advance(_seconds(span)))

    def settle(self) -> None:
        """Return once what is under way has arrived, so that a test can check for what must not arrive.

        In virtual time that is at once; in real time, after the quiet time of the run.
        """
        self._loop.run(self._settle())

    async def _settle(self) -> None:
        await self._world.settle()
        if not self._world.virtual:
            await RealClock().sleep(self._world.quiet_time)

    def advance_async(self, span: float | str) -> Coroutine[Any, Any, None]:
        """As `advance`, while the caller's own loop goes on, as when the test itself serves what is called.

        To be awaited: a test that forgets it fails at its end.
        """
        jump = object()
        self._world.unawaited[jump] = f"clock.advance_async({span!r})"
        return self._advance_async(jump, span)

    async def _advance_async(self, jump: object, span: float | str) -> None:
        try:
            await self._loop.wait(self._world.advance(_seconds(span)))
        except Exception:  # but no cancellation: time may not have moved
            del self._world.unawaited[jump]
            raise
        del self._world.unawaited[jump]


class FaultsFixture:
    """The faults of one party.

    Args:
        tables: those that files of the run define or change.
    """

    __slots__ = ("_armed", "_control", "_flaws", "_idle_before", "_loop", "_tables")

    def __init__(self, loop: LoopThread, control: ControlPlane, party: PartyName, tables: FileTables) -> None:
        self._loop = loop
        self._control = control
        self._flaws = request_checks.asked_path(party)
        self._tables = tables
        self._armed: dict[int, str] = {}
        self._idle_before: list[str] = []

    def arm(self, kind: str, *, own: Own = MappingProxyType({}), optional: bool = False, **options: object) -> None:
        """Arm a fault, such as ``arm("status", status=503, path="*/approve", times=2)``.

        One that strikes nothing fails the test at its end, unless it is ``optional``.
        Raises ExpectationError; UnknownWordError for a path that nobody asks this party for, which
        ``own={"paths": [...]}`` lets pass, as in a scenario.
        """
        _refuse_unknown([*self._flaws(options.get("path", "*"), {}, with_tables(own, self._tables))])
        number = self._loop.run(self._control.arm({"kind": kind, **options}))
        if not optional:
            self._armed[number] = (
                f"the fault {kind!r} on {options.get('method', 'any method')} {options.get('path', '*')}"
            )

    def clear(self) -> None:
        """Disarm every fault; one that should have struck and has not fails the test at its end all the same."""
        self._loop.run(self._clear())

    async def _clear(self) -> None:
        await self.remember_idle()
        await self._control.clear_faults()

    async def remember_idle(self) -> None:
        """Remember which faults have struck nothing, before all are disarmed."""
        self._idle_before, self._armed = await self._idle_now(), {}

    def idle(self) -> list[str]:
        """Return the faults that should have struck and have not."""
        return self._loop.run(self._idle_now())

    def reset(self) -> None:
        """Forget what was armed before."""
        self._armed, self._idle_before = {}, []

    async def _idle_now(self) -> list[str]:
        numbers = await self._control.idle_faults() if self._armed else set()
        return [*self._idle_before, *(words for number, words in self._armed.items() if number in numbers)]


class PartyFixture:
    """One party.

    Args:
        tables: those that files of the run define or change.

    Attributes:
        url: its address, without a trailing slash.
        clock: moves the time of both parties.
    """

    __slots__ = (
        "_faults",
        "_found_before",
        "_loop",
        "_name",
        "_party",
        "_tables",
        "_tolerated",
        "_world",
        "clock",
        "url",
    )

    def __init__(self, loop: LoopThread, world: World, party: Party, name: PartyName, tables: FileTables) -> None:
        self._loop = loop
        self._tables = tables
        self._world = world
        self._party = party
        self._name = name
        self.url = party.url
        self.clock = ClockFixture(loop, world, party)
        self._tolerated: list[str] = []
        self._found_before: list[PartyFinding] = []
        self._faults: FaultsFixture | None = None
        watch = party.control.watch if party.has_control else None
        if watch:
            watch.listeners.append(self._remember)

    @property
    def faults(self) -> FaultsFixture:
        """The faults to arm on this party."""
        self._faults = self._faults or FaultsFixture(self._loop, self._party.control, self._name, self._tables)
        return self._faults

    def reset(self) -> None:
        """Forget what the test before has done; the party is in its state at start."""
        self._tolerated, self._found_before = [], []
        if self._faults:
            self._faults.reset()

    def idle_faults(self) -> list[str]:
        """Return the faults that should have struck and have not."""
        return self._faults.idle() if self._faults else []

    @property
    def journal(self) -> list[dict[str, Any]]:
        """Every exchange of this party in order, secrets masked."""
        return self._loop.run(self._party.control.journal())

    def forget_journal(self) -> None:
        """Empty the journal, findings included; a contract that was broken before fails the test all the same."""
        self._found_before += self._found()
        self._loop.run(self._party.control.forget_journal())

    async def _remember(self, wiped: Wiped) -> None:
        """Remember broken contracts, or faults that struck nothing, before anybody wipes them."""
        if wiped == "requests":
            self._found_before += [each for each in await find_all(self._world) if each.party == self._name]
        elif self._faults:
            await self._faults.remember_idle()

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Findings: everything that this party swallowed, and each message that breaks its contract.

        Raises ExpectationError where there is no control plane: nobody sees what a real system swallows.
        """
        return self._loop.run(self._party.control.findings())

    def tolerate(self, rule: str, *, own: Own = MappingProxyType({})) -> None:
        """Let a test pass that breaks contracts of this rule (a glob) on purpose.

        Raises UnknownWordError for a rule that this party does not have, which ``own={"findings": ["acme-rule"]}`` lets
        pass, and for a glob that fits almost any rule; ``*`` is allowed, being plain.
        """
        if not isinstance(rule, str):
            raise UnknownWordError(f"{rule!r} names no rule. Expected text, in a call for each rule.")
        if rule != "*" and is_glob(rule) and not holds_word(rule):
            expected = "Expected a rule, a glob with a word, such as 'approval-*', or '*'."
            raise UnknownWordError(f"{rule!r} fits almost any rule. {expected}")
        is_known = checks.glob("rule of findings", lambda: every_rule(self._name), "findings")
        _refuse_unknown([*is_known(rule, {}, own)])
        self._tolerated.append(rule)

    def broken_contracts(self, *, strict: bool = False) -> list[PartyFinding]:
        """Return each message that breaks its contract, except what is tolerated or answered by a fault.

        With ``strict``, also each thing that the party swallowed.
        """
        return [
            each
            for each in dict.fromkeys((*self._found_before, *self._found()))  # a wipe may have been noted twice
            if (strict or each.kind == "violation") and not self._is_tolerated(each)
        ]

    def _is_tolerated(self, finding: PartyFinding) -> bool:
        return any(fnmatchcase(finding.rule, rule) for rule in self._tolerated)

    def _found(self) -> list[PartyFinding]:
        return [each for each in self._loop.run(find_all(self._world)) if each.party == self._name]


class ServiceNowFixture(PartyFixture):
    """A ServiceNow instance."""

    __slots__ = ("_own", "_servicenow")

    def __init__(self, loop: LoopThread, world: World, tables: FileTables = MappingProxyType({})) -> None:
        super().__init__(loop, world, world.servicenow, "servicenow", tables)
        self._servicenow = world.servicenow
        self._own = self._user(ADMINISTRATOR)

    @property
    def auth(self) -> tuple[str, str]:
        """User name and password of its administrator, as requests and httpx take them.

        Raises ExpectationError for one who logs in without a password: take `headers`.
        """
        return self._own.auth

    @property
    def basic_auth(self) -> str:
        """The same as an Authorization header."""
        return Credentials(*self._own.auth).header

    @property
    def headers(self) -> dict[str, str]:
        """The headers that log a request of the administrator in."""
        return self._own.headers

    @property
    def approver(self) -> UserFixture:
        """The approver who decides in `WorldFixture.decide`: an existing one, or one that this run creates."""
        return self._user(DEFAULT_APPROVER)

    @property
    def integration(self) -> UserFixture:
        """A user with the roles that the console needs: an existing one, or one that this run creates."""
        return self._user(INTEGRATION_USER)

    def _user(self, name: str) -> UserFixture:
        return UserFixture(self._loop, self._party.api, self._loop.run(self._servicenow.credentials(name)))

    def find(self, table: str, *, own: Own = MappingProxyType({}), **columns: str) -> list[dict[str, Any]]:
        """Return the records of a table with these values, oldest first.

        The app's tables and their columns go by their canonical names in `inferred.yaml`, any other table, such as
        ``incident`` or one of ``--privman-tables``, by its own.

        Raises UnknownWordError; ``own={"columns": ["u_team"]}`` lets further words pass, as in a scenario.
        Raises ExpectationError where the instance answers records with other values.
        """
        words = with_tables(own, self._tables)
        _refuse_unknown([*A_TABLE(table, {}, words), *SELECTING(columns, {"table": table}, words)])
        return self._loop.run(self._servicenow.select(table, **columns))

    def restart(self) -> None:
        """Start the instance's process again: tokens and timers are gone, what its database holds stays."""
        self._loop.run(self._party.control.call("POST", "/restart"))

    def decision(self, request_id: str) -> Decision:
        """Return the decision on a request that the connector under test has taken, to wait for its delivery.

        A test that does not wait for it fails at its end.
        """
        decision = Decision(self._loop, self._world, RealClock(), request_id)
        self._world.unawaited[decision] = decision.words
        return decision


class ConsoleFixture(PartyFixture):
    """A console that is set up against the ServiceNow instance.

    Attributes:
        instance_id: sys_id of its registration.
        activity_type_id: sys_id of the activity type it registered.
    """

    __slots__ = ("_console", "_policies", "activity_type_id", "instance_id")

    def __init__(self, loop: LoopThread, world: World) -> None:
        super().__init__(loop, world, world.console, "console", {})
        self._console = world.console
        self._set_up()

    def reset(self) -> None:
        """Forget what the test before has done, and set the console up again; raises ExpectationError."""
        super().reset()
        self._set_up()

    def _set_up(self) -> None:
        self._policies = [name for kind, name in made_by_set_up({}) if kind == "policy"] + [*ITEMS["policy"]]
        answer = self._loop.run(self._world.set_up({}))
        failed = [step for step in answer.read(SET_UP)["steps"] if step["status"] == "failed"]
        if failed:
            raise ExpectationError("the set-up to succeed", str(failed))
        outcome = answer.read({"instance_id": str, "activity_type_id": str})
        self.instance_id: str = outcome["instance_id"]
        self.activity_type_id: str = outcome["activity_type_id"]

    def ask(self, metadata: Metadata, *, own: Own = MappingProxyType({})) -> str:
        """Let an endpoint user ask for approval; returns the request_id.

        Raises UnknownWordError for a key that is another spelling of a documented one, and for a policy that is nearly
        one of the console's; ``own={"keys": ["PolicyNames"], "names": ["Elevate installer"]}`` lets them pass.
        """
        self._refuse_respelt(metadata, own)
        request_id: str = self._loop.run(self._console.ask(dict(metadata))).read(ASKED)["request_id"]
        return request_id

    def run(self, metadata: Metadata, *, own: Own = MappingProxyType({})) -> dict[str, Any]:
        """Start the application on the endpoint; returns the request that answers.

        Its ``outcome`` is ``allowed`` by an approval, ``pending``, or ``asked`` with a new request. Raises as `ask`.
        """
        self._refuse_respelt(metadata, own)
        started: dict[str, Any] = self._by_name(self._loop.run(self._console.run(dict(metadata))).read(STARTED))
        return started

    def _refuse_respelt(self, metadata: Metadata, own: Own) -> None:
        if not isinstance(metadata, Mapping):
            expected = 'Expected a mapping of what the endpoint reports, such as {"PolicyName": "Elevate installers"}.'
            raise UnknownWordError(f"the metadata are {metadata!r}. {expected}")
        _refuse_unknown([*metadata_keys(metadata, {}, own)])
        name = metadata.get("PolicyName")
        if isinstance(name, str) and (near := misspelt(name, [*self._policies, *own.get("names", ())])):
            raise UnknownWordError(nearly("policy", name, near))

    def approval(self, request_id: str) -> dict[str, Any]:
        """Return the request as the console sees it."""
        approval: dict[str, Any] = self._by_name(self._loop.run(self._console.approval(request_id)))
        return approval

    def approvals(self) -> list[dict[str, Any]]:
        """Return every request as the console sees it, oldest first."""
        approvals: list[dict[str, Any]] = self._by_name(self._loop.run(self._console.approvals()))
        return approvals

    def _by_name(self, shown: object) -> Any:  # noqa: ANN401 - JSON
        """Return an approval, or a list of them, with users under the names that tests use."""
        return self._world.servicenow.spelling.users_from_wire(shown)

    def save_foreign_system(self, **changes: object) -> None:
        """Save the foreign system with ``name``, ``base_url``, ``use_webhook`` or ``post_uri`` changed."""
        self._configure("/foreign-system", changes)

    def create_process(self, name: str, **values: object) -> None:
        """Make an approval process with ``template``, ``server`` or ``timeout``, in seconds."""
        self._configure("/approval-processes", {"name": name, **values})

    def change_process(self, process: str, **changes: object) -> None:
        """Change ``template``, ``server`` or ``timeout``, in seconds, of an approval process."""
        self._configure("/approval-process", {"process": process, **changes})

    def create_type(self, name: str, **values: object) -> None:
        """Make an approval type with ``process``, ``policy_specific`` or ``file_specific``."""
        self._configure("/approval-types", {"name": name, **values})

    def change_type(self, approval_type: str, **changes: object) -> None:
        """Change ``process``, ``policy_specific`` or ``file_specific`` of an approval type."""
        self._configure("/approval-type", {"approval_type": approval_type, **changes})

    def create_policy(self, name: str, **values: object) -> None:
        """Make a policy, active unless ``enabled=False``; without ``approval_type`` it asks by the default type."""
        self._configure("/policies", {"name": name, **values})
        self._policies.append(name)

    def change_policy(self, policy: str, **changes: object) -> None:
        """Change ``approval_type`` or ``enabled`` of a policy."""
        self._configure("/policy", {"policy": policy, **changes})

    def _configure(self, path: str, values: Mapping[str, object]) -> None:
        self._loop.run(self._party.control.call("POST", path, values))

    def restart(self) -> None:
        """Start the console's process again: tokens are gone, what is kept stays."""
        self._loop.run(self._party.control.call("POST", "/restart"))

    def log_out(self) -> None:
        """Revoke every bearer token."""
        self._loop.run(self._party.control.call("DELETE", "/tokens"))

    def reset_secret(self, *, update_credential: bool) -> None:
        """Replace the Secret; ServiceNow learns of it only when the credential is updated too."""
        values = {"update_credential": update_credential}
        self._loop.run(self._party.control.call("POST", "/api-user/reset-secret", values))


class WorldFixture:
    """Both parties, set up and registered."""

    __slots__ = ("clock", "console", "loop", "servicenow", "world")

    def __init__(self, loop: LoopThread, world: World, servicenow: ServiceNowFixture, console: ConsoleFixture) -> None:
        self.loop = loop
        self.world = world
        self.servicenow = servicenow
        self.console = console
        self.clock = servicenow.clock

    def decide(
        self,
        request_id: str,
        response: str,
        *,
        comment: str | None = None,
        duration: str | None = None,
        own: Own = MappingProxyType({}),
    ) -> Decision:
        """Let an approver decide; returns once the first attempt to tell the console has been made.

        Raises UnknownWordError; ``own={"words": ["Maybe"]}`` lets another response or duration pass.
        """
        _refuse_unknown([*A_RESPONSE(response, {}, own), *durations.ON_THE_WIRE.check(duration or "", {}, own)])
        given = {"comment": comment, "duration": duration}
        values = {key: value for key, value in given.items() if value is not None}
        status = self.loop.run(self._decide(request_id, response, values))
        decided = {"response": response, "sys_created_by": DEFAULT_APPROVER}
        if comment is not None:
            decided["comment"] = comment
        return Decision(self.loop, self.world, RealClock(), request_id, status, decided=decided)

    def take_snapshot(self, name: str) -> None:
        """Keep what both parties have stored under a name, such as ``registered``.

        Raises ExpectationError: the name is taken, there are 16, or a target may not be controlled.
        """
        self.loop.run(self.world.take_snapshot(name))

    def restore_snapshot(self, name: str) -> None:
        """Return both parties to a snapshot, its time and identifiers included.

        Journals are empty then, and no fault is armed; a contract that was broken before fails the test all the same.
        Raises ExpectationError for an unknown name.
        """
        self.loop.run(self.world.restore_snapshot(name))

    async def _decide(self, request_id: str, response: str, values: Mapping[str, str]) -> int:
        answer = await self.world.servicenow.decide(request_id, response, values)
        await self.world.settle()
        return answer.status


def _refuse_unknown(flaws: Sequence[Flaw]) -> None:
    for flaw in flaws:
        raise UnknownWordError(flaw.message)


def _seconds(span: float | str) -> float:
    if not isinstance(span, str):
        return span
    try:
        return to_seconds(span)
    except ValueError as error:
        raise UnknownWordError(str(error)) from None
