"""The objects that the pytest fixtures return; their calls block until they are done."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from privman_core.clock import RealClock
from privman_core.loop_thread import LoopThread
from privman_core.near_words import misspelt
from privman_scenarios.decision import Decision
from privman_scenarios.errors import ExpectationError, UnknownWordError
from privman_scenarios.language import durations
from privman_scenarios.language.expected_checks import metadata_keys
from privman_scenarios.language.known import ADMINISTRATOR, DEFAULT_APPROVER, INTEGRATION_USER, ITEMS, nearly
from privman_scenarios.language.model import FileTables, Own, with_tables
from privman_scenarios.party_fixture import PartyFixture, in_python, in_seconds, refuse_unknown
from privman_scenarios.playing.log_in import Credentials
from privman_scenarios.playing.party import ASKED, SET_UP, STARTED, failed_steps
from privman_scenarios.playing.record_checks import A_RESPONSE, A_TABLE, SELECTING
from privman_scenarios.playing.set_up_verbs import made_by_set_up
from privman_scenarios.playing.world import World
from privman_scenarios.short_tracebacks import is_for_users
from privman_scenarios.user_fixture import UserFixture

__tracebackhide__ = is_for_users
Metadata = Mapping[str, str]


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
        refuse_unknown([*A_TABLE(table, {}, words), *SELECTING(columns, {"table": table}, words)])
        return self._loop.run(self._servicenow.select(table, **columns))

    def restart(self) -> None:
        """Start the instance's process again: tokens and timers are gone, what its database holds stays."""
        self._loop.run(self._party.control.call("POST", "/restart"))

    def decision(self, request_id: str) -> Decision:
        """Return the decision on a request that the connector under test has taken, to wait for its delivery.

        A test that does not wait for it fails at its end.
        """
        decision = Decision(self._loop, self._world, RealClock(), request_id)
        self._world.unawaited[decision] = f"{decision.words} was delivered"
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
        if failed := failed_steps(answer.read(SET_UP)):
            raise ExpectationError("the set-up to succeed", failed)
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
        refuse_unknown([*metadata_keys(metadata, {}, own)])
        name = metadata.get("PolicyName")
        if isinstance(name, str) and (near := misspelt(name, [*self._policies, *own.get("names", ())])):
            raise UnknownWordError(in_python(nearly("policy", name, near)))

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
        """Make an approval process with ``template``, ``server`` or ``timeout``, in seconds or as ``2 hours``."""
        self._configure("/approval-processes", {"name": name, **in_seconds(values, "timeout")})

    def change_process(self, process: str, **changes: object) -> None:
        """Change ``template``, ``server`` or ``timeout``, in seconds or a span, of an approval process."""
        self._configure("/approval-process", {"process": process, **in_seconds(changes, "timeout")})

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
        refuse_unknown([*A_RESPONSE(response, {}, own), *durations.ON_THE_WIRE.check(duration or "", {}, own)])
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
