"""The state of one scenario while it is played: saved values and last answers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from privman_scenarios.errors import ExpectationError, NotSavedError
from privman_scenarios.language.captures import MissingValueError, value_at
from privman_scenarios.language.environment import mask_secrets
from privman_scenarios.language.model import Arguments, Scenario, Step
from privman_scenarios.language.variables import (
    FIRST,
    LONG_TEXT,
    NEW_GUID,
    NEW_GUID_IN_CAPITALS,
    OF_CONSOLE,
    PACKAGED,
    RULES,
    SIGNS,
    TABLES,
    long_text,
    replaced,
)
from privman_scenarios.language.vocabulary import Verb
from privman_scenarios.playing.control_plane import IdleFault
from privman_scenarios.playing.party import SET_UP, Party, failed_steps
from privman_scenarios.playing.party_answer import PartyAnswer
from privman_scenarios.playing.world import Numbers, PartyFinding, World, find_all


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault that must strike before the scenario ends.

    Attributes:
        number: as its party counts.
        words: the fault, for people.
        step: that armed it.
    """

    party: Party
    number: int
    words: str
    step: Step


class Play:
    """The state of one playing.

    Attributes:
        own: words of the user's own instance, by kind.
        step: the one that is being played.
        armed: the faults that must strike.
        found: the findings of before the journals were emptied.
        acknowledged: the findings that the scenario has asked for.
        expected: statuses of answers that the scenario has asked for.
        faulty: whether a step has armed a fault, so that a party may fail on purpose.
        waited: for how many seconds, real time, steps have only looked since the last one that acted.
        decided: whether a step has acted after which a request may be decided.
        runs: request_id and outcome of each start of an application, in order.
    """

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world = world
        self.own = scenario.words
        mask_secrets(scenario.environment)  # in this process, which need not be the one that has read the file
        self.step = Step("", {}, 0)
        self.armed: list[Armed] = []
        self.found: list[PartyFinding] = []
        self.acknowledged: set[PartyFinding] = set()
        self.expected: set[int] = set()
        self.faulty = False
        self.waited = 0
        self.decided = False
        self.runs: list[tuple[str, str]] = []
        self._given = scenario.given
        self._marks: list[tuple[Step, Numbers]] = []
        self._steps_before: dict[PartyFinding, Step | None] = {}
        self._asked: dict[str | int, Mapping[str, Any]] = {}
        names = world.servicenow.names
        self._saved: dict[str, str | int] = {"servicenow": world.servicenow.url, "console": world.console.url}
        self._saved |= {f"{FIRST}.servicenow": world.servicenow.url, **SIGNS}
        self._saved |= {f"env.{variable}": value for variable, value in scenario.environment.items()}
        self._saved |= {f"table.{table}": names.table(table) for table in TABLES}
        self._saved |= {f"rule.{rule}": names.number(rule) for rule in RULES}
        self._answers: dict[str, PartyAnswer] = {}
        self._captured: dict[str, Mapping[str, Any]] = {}
        self._consoles = {FIRST: world.console}
        self._console = FIRST
        self._instances = {FIRST: world.servicenow}
        self._set_up: Mapping[str, Any] | None = None
        self._trouble, self._troubled = "", ""
        self._failed = False

    async def set_up(self, options: Mapping[str, Any], name: str = "") -> None:
        """Run the documented set-up, unless somebody has, and remember the ids that ServiceNow gave.

        Args:
            options: of the set-up.
            name: under which the ids are kept as well; empty for none.
        """
        if self.world.registration is not None:
            self._save_ids(asdict(self.world.registration), name)
            return
        answer = await self.world.set_up(options)
        self.answered("console", answer)
        if answer.refused:
            return
        outcome = self._set_up = answer.read(SET_UP)
        self._save_ids({key: outcome[key] for key in ("instance_id", "activity_type_id") if outcome.get(key)}, name)
        self._trouble = failed_steps(outcome)

    async def edit_activity_type(self, values: Mapping[str, Any]) -> None:
        """Change the activity type that the set-up has registered; does nothing if the set-up failed."""
        if self._trouble or self._set_up is None:
            return
        instance, sys_id = self.world.servicenow, str(self.recall("activity_type_id"))
        self.answered("servicenow", await instance.update("activity_type", sys_id, dict(values), instance.admin))

    def _save_ids(self, ids: Mapping[str, str], name: str) -> None:
        self._saved.update(ids)
        if name:
            self._saved.update({f"{name}.{key}": value for key, value in ids.items()})

    async def mark(self, step: Step) -> None:
        """Remember that the exchanges that follow belong to a step."""
        numbers = await self.world.numbers()
        if not self._marks or self._marks[-1][0].arguments is self._given:
            self.world.begun = {} if step.arguments is self._given else numbers
        self._marks.append((step, numbers))

    def step_of(self, finding: PartyFinding) -> Step | None:
        """Return the step whose exchange has a finding; None where nobody knows."""
        if finding in self._steps_before:
            return self._steps_before[finding]
        marks = (mark for mark in reversed(self._marks) if mark[1])  # without numbers nobody could read them
        return next((step for step, numbers in marks if finding.exchange > numbers.get(finding.party, 0)), None)

    def begin(self, step: Step, *, acts: bool) -> None:
        """Begin a step; one that acts makes earlier answers old, but for those of steps at the same moment."""
        if acts and not (step.together and step.together == self.step.together):
            self._answers.clear()
            self._set_up = None
        self.step = step

    async def idle_fault(self, of: Party | None = None) -> tuple[Armed, IdleFault] | None:
        """Return the first armed fault, perhaps of one party, that should have struck and has not."""
        for armed in self.armed:
            if of in (None, armed.party) and (idle := (await armed.party.control.idle_faults()).get(armed.number)):
                return armed, idle
        return None

    async def require_struck(self, of: Party | None = None) -> None:
        """Raise ExpectationError where an armed fault, perhaps of one party, has not struck and will be disarmed."""
        if found := await self.idle_fault(of):
            armed, idle = found
            raise ExpectationError(
                f"{armed.words} of line {armed.step.line} to strike before it is cleared", f"{idle.done} that it fits"
            )

    async def leave_behind(self) -> None:
        """Remember what the journals show before they are emptied; raises ExpectationError as `require_struck` does."""
        await self.require_struck()
        self.armed.clear()
        found = await find_all(self.world)
        self._steps_before |= {each: self.step_of(each) for each in found}
        self.found += found
        await self.world.keep_journals()
        # Exchanges count from 1 again.
        self.world.begun = {}
        self._marks = [(self.step, dict.fromkeys(self.world.parties, 0))]

    async def use_console(self, name: str) -> None:
        """Let the steps that follow mean the console of this name, which is started when first named."""
        if name not in self._consoles:
            self._consoles[name] = await self.world.another_console()
            self._saved[f"{name}.console"] = self._consoles[name].url
        self._keep_ids()
        self._console = name
        self.world.console = self._consoles[name]
        self._saved.update({key: self._saved[f"{name}.{key}"] for key in OF_CONSOLE if f"{name}.{key}" in self._saved})

    async def use_instance(self, name: str) -> None:
        """Let the steps that follow mean the instance of this name, which is started when first named."""
        if name not in self._instances:
            self._instances[name] = await self.world.another_instance()
        self.world.servicenow = self._instances[name]
        self._saved["servicenow"] = self._saved[f"{name}.servicenow"] = self.world.servicenow.url

    def _keep_ids(self) -> None:
        """Keep what is saved of the console under its name, so that a step may use ``${name.instance_id}``."""
        for key in OF_CONSOLE:
            if key in self._saved:
                self._saved[f"{self._console}.{key}"] = self._saved.pop(key)

    async def post_to_console(self, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Post to the console's control plane, and keep the answer for the steps that follow."""
        self.answered("console", await self.world.console.control.ask("POST", path, body))

    def answered(self, party: str, answer: PartyAnswer) -> None:
        """Keep an answer; a refusal is trouble unless the next step expects it."""
        self._answers[party] = answer
        self._trouble, self._troubled = (str(answer) if answer.refused else ""), party
        self._failed = answer.failed and not self.faulty

    def last_answer(self, party: str) -> PartyAnswer:
        """Return the answer to the step before; raises ExpectationError when this party was not asked."""
        if party not in self._answers:
            raise ExpectationError(f"the step before to be one that {party} answers", "another")
        return self._answers[party]

    def last_set_up(self) -> Mapping[str, Any]:
        """Return the outcome of the set-up before; raises ExpectationError when the step before was another."""
        if self._set_up is None:
            raise ExpectationError("the step before to be a set-up", "another")
        return self._set_up

    def take_trouble(self, excused: str = "") -> str:
        """Return what went wrong in the step before and forget it; empty when all went well.

        Args:
            excused: the party of which a refusal is expected.
        """
        trouble, self._trouble = self._trouble, ""
        return trouble if self._troubled != excused else ""

    def take_failure(self) -> bool:
        """Return whether the step before failed without a fault, rather than being refused, and forget it."""
        failed, self._failed = self._failed, False
        return failed

    def save(self, name: str, value: str) -> None:
        """Remember a value under a name that later steps may use as ``${name}``."""
        self._saved[name] = value

    def capture(self, name: str, answer: PartyAnswer, body: object) -> None:
        """Remember an answer, with its body in the packaged spelling, for ``${name.body.result}`` and the like."""
        self._captured[name] = {"status": answer.status, "headers": answer.headers, "body": body}

    def save_request(self, name: str, request_id: str, metadata: Mapping[str, Any]) -> None:
        """Remember a request and what it asked for when it was made, as the last one and under its name."""
        self._saved["request_id"] = self._saved[f"{name}.request_id"] = request_id
        self._asked.setdefault(request_id, metadata)

    def metadata_of(self, name: str = "") -> Mapping[str, Any]:
        """Return what the request with this name asks for, or the last one; empty where no step has asked."""
        return self._asked.get(self._saved.get(f"{name}.request_id" if name else "request_id", ""), {})

    def request_id(self, name: str = "") -> str:
        """Return the id of the request with this name, of the last one without a name."""
        return str(self.recall(f"{name}.request_id" if name else "request_id"))

    def recall(self, name: str) -> Any:  # noqa: ANN401 - an answer holds anything
        """Return what was saved; raises ExpectationError when nothing was."""
        if wanted := LONG_TEXT.fullmatch(name):
            return long_text(int(wanted[1]))
        if name in (NEW_GUID, NEW_GUID_IN_CAPITALS) and name not in self._saved:
            self._saved[name] = self.world.servicenow.draw_request_id(in_capitals=name.isupper())
        return self._saved[name] if name in self._saved else self._recall_captured(name)

    def _recall_captured(self, name: str) -> Any:  # noqa: ANN401 - JSON holds anything
        capture, _, path = name.partition(".")
        if capture not in self._captured:
            raise NotSavedError(f"a value of {name!r}", "nothing; no earlier step has saved it")
        try:
            return value_at(self._captured[capture], path)
        except MissingValueError as error:
            raise ExpectationError(f"a value of {name!r} in that answer", str(error)) from None

    def arguments_of(self, verb: Verb, step: Step) -> Arguments:
        """Return the step's arguments with what was saved; raises ExpectationError where that is no known word."""
        arguments = verb.filled(step.arguments, self.resolve)
        if arguments != step.arguments:
            for name, flaw in verb.flaws(verb.filled(step.arguments, self.resolve_as_packaged), self.own):
                raise ExpectationError(f"{name} that could be", flaw.message)
        return arguments

    def resolve(self, value: Any) -> Any:  # noqa: ANN401 - any argument
        """Return the value with each ``${name}`` replaced by what was saved; one that stands alone may be no text."""
        return replaced(value, self.recall)

    def resolve_as_packaged(self, value: Any) -> Any:  # noqa: ANN401 - any argument
        """Return the same with tables and rules in the packaged spelling, in which words are checked."""
        return replaced(value, lambda name: PACKAGED[name] if name in PACKAGED else self.recall(name))
