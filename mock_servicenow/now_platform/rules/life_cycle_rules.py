"""The business rules that keep the life cycles of tables."""

from collections.abc import Iterator, Mapping

from mock_servicenow.now_platform.dictionary.column_types import Family
from mock_servicenow.now_platform.dictionary.definitions import SCRIPT
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.life_cycles import Effect, LifeCycle, States
from mock_servicenow.now_platform.dictionary.values import after_epoch, duration_seconds
from mock_servicenow.now_platform.records.plans import CALLS
from mock_servicenow.now_platform.records.session import BusinessRule, Operation, RuleContext
from privman_core.cuts import cut

_WRITES: frozenset[Operation] = frozenset({"insert", "update"})
_LAST = 2**63 - 1
_LONGEST = 200  # characters of a list of states


def life_cycle_rules(dictionary: Dictionary, table: str) -> tuple[BusinessRule, ...]:
    """Return the rule that keeps the life cycle of a table's records, if they have one."""
    cycle = dictionary.life_cycle(table)
    return () if cycle is None else (BusinessRule(cycle.rule, table, "before", _WRITES, _Keeper(cycle)),)


class _Keeper:
    """Keeps both columns of a state alike, checks moves, and applies the effects of changes."""

    def __init__(self, cycle: LifeCycle) -> None:
        self._cycle = cycle
        self._effects = tuple(cycle.effects.values())
        self._on_insert = tuple(effect for effect in self._effects if effect.into and not effect.out_of)

    def __call__(self, context: RuleContext) -> None:
        before = None if context.previous is None else context.previous.values
        if self._cycle.mirror:
            self._mirror(context, before)
        if before is None:
            for effect in self._on_insert:
                if context.current[effect.column] in effect.into:
                    _apply(effect, context)
        else:
            self._change(context, before)

    def _change(self, context: RuleContext, before: Mapping[str, str]) -> None:
        state = before[self._cycle.column]
        if state not in {"", context.current[self._cycle.column]}:
            self._check_move(context, state)
        for effect in self._effects:
            old, new = before[effect.column], context.current[effect.column]
            if old != new and effect.happens(old, new):
                _apply(effect, context)

    def _mirror(self, context: RuleContext, before: Mapping[str, str] | None) -> None:
        current, column, mirror = context.current, self._cycle.column, self._cycle.mirror
        if before is None:
            leads = mirror in context.supplied and column not in context.supplied
        else:
            leads = current[mirror] != before[mirror] and current[column] == before[column]
        source = mirror if leads else column
        current[column] = current[mirror] = current[source]

    def _check_move(self, context: RuleContext, state: str) -> None:
        cycle, current = self._cycle, context.current
        following = cycle.following(state, current)
        entered = current[cycle.column]
        if following is None or entered in following:
            return
        reason = f"state '{state}' cannot become '{entered}'; expected {_listed(following)}"
        if cycle.invalid_move == "error":
            told = cycle.message.replace("{from}", state).replace("{to}", entered)
            context.abort(reason, told)
        context.report("invalid-move", f"table {context.table}: {reason}", cycle.column)
        if cycle.invalid_move == "keep":
            current.update(dict.fromkeys(filter(None, (cycle.column, cycle.mirror)), state))


def _listed(states: States) -> str:
    return cut(" or ".join(map(repr, sorted(states))), _LONGEST) if states else "no other state"


def _apply(effect: Effect, context: RuleContext) -> None:
    current = context.current
    current.update(_evaluated(effect.set, context))
    current.update((name, value) for name, value in _evaluated(effect.fill, context) if not current[name])
    current.update(dict.fromkeys(effect.clear, ""))
    current.update((name, _elapsed(name, ends, context)) for name, ends in effect.elapsed.items() if not current[name])
    if effect.count:
        current[effect.count] = str(min(int(current[effect.count] or 0), _LAST - 1) + 1)


def _elapsed(column: str, ends: tuple[str, str], context: RuleContext) -> str:
    """Return the time from one column to another as this column stores it; empty where either is empty."""
    since, until = (context.current[each] for each in ends)
    if not since or not until:
        return ""
    seconds = max(0, duration_seconds(until) - duration_seconds(since))
    of_seconds = context.session.dictionary.columns(context.table)[column].family is Family.INTEGER
    return str(seconds) if of_seconds else after_epoch(seconds) or ""


def _evaluated(values: Mapping[str, str], context: RuleContext) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        is_call = value.startswith(SCRIPT)
        yield name, CALLS[value.removeprefix(SCRIPT)](context.session) if is_call else value
