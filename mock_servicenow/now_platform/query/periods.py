"""Calendar arithmetic: hours, days, weeks, months, quarters and years, on a wall clock without a zone."""

from datetime import MAXYEAR, MINYEAR, datetime, timedelta

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def start_of(unit: str, moment: datetime) -> datetime:
    """Return the first second of the unit that holds the moment; weeks begin on Monday."""
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
    """Return the last second of the unit that holds the moment.

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
