"""Script calls as values of a query, evaluated without a script engine.

Dates are computed on the user's wall clock, without a zone.
"""

import re
from collections.abc import Callable
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta, tzinfo

from msgspec import Struct

from mock_servicenow.now_platform.errors import Signal

PREFIX = "javascript:"

_CALL = re.compile(r"\s*gs\.(\w+)\((.*)\)\s*+;?\s*+", re.ASCII | re.DOTALL)
_ARGUMENT = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(-?[0-9]{1,9}))\s*(?:,|$)""", re.ASCII)
_AGO = re.compile(r"(second|minute|hour|day|week|month|quarter|year)sAgo(Start|End)?")
_BOUND = re.compile(
    r"(beginning|end)Of(?:(?P<which>This|Last|Next|Current)(?P<unit>Minute|Hour|Week|Month|Quarter|Year)"
    r"|(?P<day>Today|Yesterday|Tomorrow)"
    r"|Last(?P<count>[0-9]{1,4})(?P<units>Minute|Hour|Day|Week|Month|Quarter|Year)s)"
)
_DISTANCE = {"This": 0, "Current": 0, "Last": -1, "Next": 1, "Today": 0, "Yesterday": -1, "Tomorrow": 1}

Arguments = tuple[str | int, ...]
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


class QueryContext(Struct, frozen=True):
    """The circumstances on which the meaning of a query depends.

    Attributes:
        now: the time, aware, from which "today" and "an hour ago" are counted.
        user_id: sys_id of the user who asks.
        user_name: the same user's name.
        timezone: where that user's days begin.
        invalid_returns_no_rows: the property ``glide.invalid_query.returns_no_rows``.
    """

    now: datetime
    user_id: str = ""
    user_name: str = ""
    timezone: tzinfo = UTC
    invalid_returns_no_rows: bool = False

    @property
    def local_now(self) -> datetime:
        """The time on the user's wall clock, naive, in whole seconds."""
        return self.now.astimezone(self.timezone).replace(tzinfo=None, microsecond=0)

    def stored(self, local: datetime) -> str:
        """Return a time on the user's wall clock as columns store it: UTC."""
        utc = local.replace(tzinfo=self.timezone).astimezone(UTC)
        return utc.replace(tzinfo=None).isoformat(" ")


def start_of(unit: str, moment: datetime) -> datetime:
    """Return the first second of the unit around the moment; weeks begin on Monday."""
    day = moment.replace(hour=0, minute=0, second=0)
    match unit:
        case "second":
            return moment
        case "minute":
            return moment.replace(second=0)
        case "hour":
            return moment.replace(minute=0, second=0)
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
    months = _MONTHS[unit]
    return day.replace(month=(day.month - 1) // months * months + 1, day=1)


def end_of(unit: str, moment: datetime) -> datetime:
    """Return the last second of the unit around the moment.

    Raises:
        OverflowError: the calendar ends before.
    """
    return shift(start_of(unit, moment), unit, 1) - timedelta(seconds=1)


def shift(moment: datetime, unit: str, count: int) -> datetime:
    """Return the moment that many units later; the day shrinks to the target month's last one.

    Raises:
        OverflowError: the calendar ends before.
    """
    if unit in _SECONDS:
        return moment + timedelta(seconds=_SECONDS[unit] * count)
    year, month = divmod(moment.year * 12 + moment.month - 1 + _MONTHS[unit] * count, 12)
    if not MINYEAR <= year < MAXYEAR:
        raise OverflowError(f"year {year} is outside the calendar")
    first = moment.replace(year=year, month=month + 1, day=1)
    last_day = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(moment.day, last_day.day))


class RefusedScriptError(Signal):
    """A script expression is not evaluated."""


def evaluate(value: str, context: QueryContext) -> str:
    """Return a value as it is compared: as written, or the result of its ``javascript:`` call.

    Raises:
        RefusedScriptError: the call is unknown, or it does not take the arguments.
    """
    if not value.startswith(PREFIX):
        return value
    try:
        return _call(value[len(PREFIX) :], context)
    except (OverflowError, ValueError, TypeError) as error:
        raise RefusedScriptError(f"'{value}' has arguments that the call does not take") from error


def _call(expression: str, context: QueryContext) -> str:
    call = _CALL.fullmatch(expression)
    if call is None:
        raise RefusedScriptError(f"'{expression}' is not a call of the form gs.name(arguments)")
    name, arguments = call[1], _arguments(call[2])
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](context, *arguments)
    ago, bound = _AGO.fullmatch(name), _BOUND.fullmatch(name)
    if ago is not None:
        return _ago(context, ago[1], ago[2], *arguments)
    if bound is None:
        raise RefusedScriptError(f"unknown call gs.{name}")
    if bound["count"]:
        distance = -int(bound["count"]) if bound[1] == "beginning" else 0
        return _bound(context, bound[1], bound["units"].lower(), distance, *arguments)
    distance = _DISTANCE[bound["which"] or bound["day"]]
    return _bound(context, bound[1], (bound["unit"] or "day").lower(), distance, *arguments)


def _arguments(text: str) -> Arguments:
    found: list[str | int] = []
    position = 0
    while position < len(text):
        match = _ARGUMENT.match(text, position)
        if match is None:
            raise RefusedScriptError(f"'{text[position:]}' is neither a number nor quoted text")
        found.append(int(match[3]) if match[3] else match[1] or match[2] or "")
        position = match.end()
    return tuple(found)


def _ago(context: QueryContext, unit: str, edge: str | None, count: str | int = 0) -> str:
    moment = shift(context.local_now, unit, -int(count))
    if edge == "Start":
        moment = start_of(unit, moment)
    elif edge == "End":
        moment = end_of(unit, moment)
    return context.stored(moment)


def _bound(context: QueryContext, edge: str, unit: str, distance: int) -> str:
    moment = shift(start_of(unit, context.local_now), unit, distance)
    return context.stored(moment if edge == "beginning" else end_of(unit, moment))


def _date_generate(context: QueryContext, date: str, time: str = "") -> str:
    """Both forms are in use: date and time in one argument, or in two."""
    text = f"{date} {time}".strip()
    shorthands = {"start": "00:00:00", "end": "23:59:59"}
    day, _, clock = text.partition(" ")
    return context.stored(datetime.fromisoformat(f"{day} {shorthands.get(clock, clock)}".strip()))


def _date_part(_context: QueryContext, part: str, value: str | int, operator: str) -> str:
    return f"{part},{value},{operator}"


_FUNCTIONS: dict[str, Callable[..., str]] = {
    "getUserID": lambda context: context.user_id,
    "getUserName": lambda context: context.user_name,
    "now": lambda context: context.local_now.strftime("%Y-%m-%d"),
    "nowDateTime": lambda context: context.stored(context.local_now),
    "yesterday": lambda context: context.stored(shift(context.local_now, "day", -1)),
    "dateGenerate": _date_generate,
    "datePart": _date_part,
}
