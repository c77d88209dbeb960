"""Dates: literals, script calls, and the operators that only dates know. Now is Wednesday 2026-01-07 09:30 UTC."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from .conftest import CONTEXT, Desk

STORED = "%Y-%m-%d %H:%M:%S"
MOMENTS = {
    "last_year": "2025-06-30 12:00:00",
    "sunday": "2026-01-04 23:59:59",
    "monday": "2026-01-05 00:00:00",
    "yesterday": "2026-01-06 12:00:00",
    "hour_ago": "2026-01-07 08:29:59",
    "this_hour": "2026-01-07 09:00:00",
    "tonight": "2026-01-07 23:59:59",
    "tomorrow": "2026-01-08 00:00:00",
    "next_month": "2026-02-28 00:00:00",
}
ALL = sorted([*MOMENTS, "never"])


@pytest.fixture
def calendar(desk: Desk) -> Desk:
    """Incidents opened at those moments, and one never opened."""
    for name, moment in MOMENTS.items():
        desk.add("incident", name, opened_at=moment, planned=moment[:10])
    desk.add("incident", "never")
    return desk


def between(first: str, last: str) -> list[str]:
    """Return the names of the moments from one to another."""
    names = list(MOMENTS)
    return sorted(names[names.index(first) : names.index(last) + 1])


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("opened_at=2026-01-05 00:00:00", "monday", "monday"),
        ("opened_at=2026-01-05", "monday", "monday"),
        ("opened_at<2026-01-05", "last_year", "sunday"),
        ("opened_at<=2026-01-05", "last_year", "monday"),
        ("opened_at>2026-01-07 23:59:59", "tomorrow", "next_month"),
        ("opened_atBETWEEN2026-01-05@2026-01-07", "monday", "yesterday"),
        ("planned=2026-01-07", "hour_ago", "tonight"),
        ("planned>=2026-01-08 10:00:00", "tomorrow", "next_month"),
        ("opened_at>=javascript:gs.beginningOfToday()", "hour_ago", "next_month"),
        ("opened_at<=javascript:gs.endOfToday()", "last_year", "tonight"),
        ("opened_at<javascript:gs.daysAgoStart(0)", "last_year", "yesterday"),
        ("opened_atBETWEENjavascript:gs.daysAgoStart(1)@javascript:gs.daysAgoEnd(0)", "yesterday", "tonight"),
        ("opened_at>javascript:gs.daysAgoEnd('0')", "tomorrow", "next_month"),
        ("opened_at>=javascript:gs.hoursAgo(1)", "this_hour", "next_month"),
        ("opened_at>=javascript:gs.minutesAgo(30)", "this_hour", "next_month"),
        ("opened_at>=javascript:gs.daysAgo(1)", "yesterday", "next_month"),
        ("opened_at>=javascript:gs.beginningOfThisWeek()", "monday", "next_month"),
        ("opened_at<=javascript:gs.endOfLastWeek()", "last_year", "sunday"),
        ("opened_at>=javascript:gs.beginningOfNextMonth()", "next_month", "next_month"),
        ("opened_at>=javascript:gs.beginningOfCurrentHour();", "this_hour", "next_month"),
        ("opened_at>javascript:gs.endOfCurrentMinute()", "tonight", "next_month"),
        ("opened_at<javascript:gs.beginningOfThisYear()", "last_year", "last_year"),
        ("opened_at<javascript:gs.beginningOfThisQuarter()", "last_year", "last_year"),
        ("opened_at>=javascript:gs.beginningOfYesterday()", "yesterday", "next_month"),
        ("opened_at>javascript:gs.endOfTomorrow()", "next_month", "next_month"),
        ("opened_at>=javascript:gs.beginningOfLast2Days()", "monday", "next_month"),
        ("opened_at<=javascript:gs.endOfLast7Days()", "last_year", "tonight"),
        ("opened_at>=javascript:gs.monthsAgo(1)", "sunday", "next_month"),
        ("opened_at>=javascript:gs.secondsAgo(0)", "tonight", "next_month"),
        ("opened_at=javascript:gs.dateGenerate('2026-01-05 00:00:00')", "monday", "monday"),
        ('opened_at=javascript:gs.dateGenerate("2026-01-05", "00:00:00")', "monday", "monday"),
        ("opened_at=javascript:gs.dateGenerate('2026-01-04','end')", "sunday", "sunday"),
        ("opened_at=javascript:gs.dateGenerate('2026-01-05','start')", "monday", "monday"),
        ("planned=javascript:gs.now()", "hour_ago", "tonight"),
        ("opened_at>javascript:gs.nowDateTime()", "tonight", "next_month"),
    ],
)
def test_literals_and_calls(calendar: Desk, query: str, first: str, last: str) -> None:
    """Dates compare in UTC form, as written or as a known script call gives them."""
    assert calendar.ask(query) == between(first, last)
    assert calendar.findings == ()


@pytest.mark.parametrize(
    ("call", "moment"),
    [
        ("secondsAgo(31)", "2024-05-31 13:44:59"),
        ("minutesAgo(46)", "2024-05-31 12:59:30"),
        ("minutesAgoEnd(46)", "2024-05-31 12:59:59"),
        ("hoursAgo(14)", "2024-05-30 23:45:30"),
        ("hoursAgoStart(14)", "2024-05-30 23:00:00"),
        ("daysAgoEnd(-1)", "2024-06-01 23:59:59"),
        ("weeksAgo(1)", "2024-05-24 13:45:30"),
        ("weeksAgoStart(1)", "2024-05-20 00:00:00"),
        ("monthsAgo(3)", "2024-02-29 13:45:30"),
        ("monthsAgo(5)", "2023-12-31 13:45:30"),
        ("monthsAgoEnd(3)", "2024-02-29 23:59:59"),
        ("quartersAgo(1)", "2024-02-29 13:45:30"),
        ("quartersAgoStart(2)", "2023-10-01 00:00:00"),
        ("yearsAgo(1)", "2023-05-31 13:45:30"),
        ("yearsAgoStart(0)", "2024-01-01 00:00:00"),
        ("beginningOfThisMinute()", "2024-05-31 13:45:00"),
        ("endOfCurrentMinute()", "2024-05-31 13:45:59"),
        ("beginningOfLastHour()", "2024-05-31 12:00:00"),
        ("endOfNextHour()", "2024-05-31 14:59:59"),
        ("beginningOfThisWeek()", "2024-05-27 00:00:00"),
        ("endOfNextWeek()", "2024-06-09 23:59:59"),
        ("endOfLastMonth()", "2024-04-30 23:59:59"),
        ("beginningOfNextMonth()", "2024-06-01 00:00:00"),
        ("beginningOfThisQuarter()", "2024-04-01 00:00:00"),
        ("endOfThisQuarter()", "2024-06-30 23:59:59"),
        ("endOfNextYear()", "2025-12-31 23:59:59"),
        ("beginningOfLast3Months()", "2024-02-01 00:00:00"),
        ("endOfLast3Months()", "2024-05-31 23:59:59"),
        ("beginningOfYesterday()", "2024-05-30 00:00:00"),
        ("endOfTomorrow()", "2024-06-01 23:59:59"),
        ("dateGenerate('2024-05-31','start')", "2024-05-31 00:00:00"),
    ],
)
def test_moments_of_calls(desk: Desk, call: str, moment: str) -> None:
    """Calls count whole units back and forth; a day that a month lacks is its last one."""
    desk.add("incident", "then", opened_at=moment)
    friday = replace(CONTEXT, now=datetime(2024, 5, 31, 13, 45, 30, tzinfo=UTC))
    assert desk.ask(f"opened_at=javascript:gs.{call}", context=friday) == ["then"]


@pytest.mark.parametrize(
    ("distance", "moment"),
    [
        ("second@ago@31", "2024-05-31 13:44:59"),
        ("minute@ahead@15", "2024-05-31 14:00:30"),
        ("hour@ago@14", "2024-05-30 23:45:30"),
        ("dayofweek@ahead@1", "2024-06-01 13:45:30"),
        ("week@ago@1", "2024-05-24 13:45:30"),
        ("month@ago@3", "2024-02-29 13:45:30"),
        ("quarter@ahead@1", "2024-08-31 13:45:30"),
        ("year@ago@1", "2023-05-31 13:45:30"),
    ],
)
def test_moments_of_relative_operators(desk: Desk, distance: str, moment: str) -> None:
    """Before and after mean the moment itself, to the second."""
    then = datetime.fromisoformat(f"{moment}Z")
    for name, seconds in (("before", -1), ("then", 0), ("after", 1)):
        desk.add("incident", name, opened_at=(then + timedelta(seconds=seconds)).strftime(STORED))
    friday = replace(CONTEXT, now=datetime(2024, 5, 31, 13, 45, 30, tzinfo=UTC))
    assert desk.ask(f"opened_atRELATIVELT@{distance}", context=friday) == ["before"]
    assert desk.ask(f"opened_atRELATIVEGT@{distance}", context=friday) == ["after"]


def test_the_last_moment_of_the_calendar(desk: Desk) -> None:
    """A distance is known up to the year 9997; `test_malformed` has the first that is not."""
    desk.add("incident", "then", opened_at="9997-01-07 09:30:00")
    assert desk.ask("opened_atRELATIVEEE@year@ahead@7971") == ["then"]
    assert desk.findings == ()


@pytest.mark.parametrize(
    "call",
    [
        "gs.daysAgoStart(99999999999)",
        "gs.yearsAgo(9999)",
        "gs.daysAgo(999999999)",
        "gs.daysAgoStart('soon')",
        "gs.daysAgoStart(1, 2)",
        "gs.daysAgoStart(x)",
        "gs.dateGenerate('never')",
        "gs.dateGenerate(1)",
        "gs.daysAgoSometime(1)",
        "gs.beginningOfTime()",
        "gs.getProperty('glide.db.password')",
        "new GlideRecord('sys_user').query()",
        "gs.getUserID() + ''",
        "",
    ],
)
def test_refused_calls(calendar: Desk, call: str) -> None:
    """A script that is not one of the known calls is not run; its term is ignored and reported."""
    assert calendar.ask(f"opened_at>javascript:{call}") == ALL
    assert [finding.rule for finding in calendar.findings] == ["query-term-ignored"]


def test_days_begin_where_the_user_is(calendar: Desk) -> None:
    """Today is the user's day, stored values stay UTC."""
    tokyo = replace(CONTEXT, timezone=ZoneInfo("Asia/Tokyo"))
    assert calendar.ask("opened_at>=javascript:gs.beginningOfToday()", context=tokyo) == between(
        "hour_ago", "next_month"
    )
    assert calendar.ask("opened_at<=javascript:gs.endOfToday()", context=tokyo) == between("last_year", "this_hour")


def test_user_calls(desk: Desk) -> None:
    """gs.getUserID and gs.getUserName stand for the user who asks."""
    desk.add("sys_user", "abel", user_name="abel.tuter")
    desk.add("sys_user", "bow", user_name="bow", manager="abel")
    assert desk.ask("manager=javascript:gs.getUserID()", "sys_user") == ["bow"]
    assert desk.ask("user_name=javascript:gs.getUserName()", "sys_user") == ["abel"]
    assert desk.ask("user_nameINjavascript:gs.getUserName()", "sys_user") == ["abel"]


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("opened_atONToday@javascript:gs.daysAgoStart(0)@javascript:gs.daysAgoEnd(0)", "hour_ago", "tonight"),
        ("opened_atONcustom@2026-01-04 00:00:00@2026-01-05 00:00:00", "sunday", "monday"),
        ("opened_atNOTONcustom@2025-01-01@javascript:gs.endOfToday()", "tomorrow", "next_month"),
    ],
)
def test_on(calendar: Desk, query: str, first: str, last: str) -> None:
    """ON and NOTON look at the two bounds, never at the name before them."""
    assert calendar.ask(query) == between(first, last)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("opened_atRELATIVEGT@hour@ago@1", "this_hour", "next_month"),
        ("opened_atRELATIVELT@hour@ago@1", "last_year", "hour_ago"),
        ("opened_atRELATIVEGT@dayofweek@ahead@1", "next_month", "next_month"),
        ("opened_atRELATIVEGE@dayofweek@ago@1", "yesterday", "next_month"),
        ("opened_atRELATIVEGE@second@ahead@0", "tonight", "next_month"),
        ("opened_atRELATIVELE@month@ago@0", "last_year", "tomorrow"),
        ("opened_atRELATIVEEE@day@ago@0", "hour_ago", "tonight"),
        ("opened_atRELATIVEEE@month@ahead@1", "next_month", "next_month"),
        ("opened_atRELATIVEEE@year@ago@1", "last_year", "last_year"),
        ("opened_atRELATIVEEE@week@ago@0", "monday", "tomorrow"),
        ("opened_atRELATIVEEE@quarter@ago@0", "sunday", "next_month"),
        ("opened_atRELATIVELT@minute@ago@30", "last_year", "hour_ago"),
    ],
)
def test_relative(calendar: Desk, query: str, first: str, last: str) -> None:
    """RELATIVE compares with a distance from now; its "on" forms mean the whole unit."""
    assert calendar.ask(query) == between(first, last)


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        ("'dayofweek','monday','EE'", "last_year monday"),
        ("'dayofweek','monday','LE'", "last_year monday sunday"),
        ("'dayofweek','monday','LT'", "sunday"),
        ("'dayofweek','wednesday','GT'", "next_month tomorrow"),
        ("'dayofweek','saturday','GE'", "next_month"),
        ("'month','february','EE'", "next_month"),
        ("'month','june','EE'", "last_year"),
        ("'quarter','2','EE'", "last_year"),
        ("'year',2025,'EE'", "last_year"),
        ("'hour','9','EE'", "this_hour"),
    ],
)
def test_trend(calendar: Desk, argument: str, names: str) -> None:
    """DATEPART compares a part of the date; weeks begin on Sunday."""
    assert calendar.ask(f"opened_atDATEPARTname@javascript:gs.datePart({argument})") == names.split()


def test_trend_of_a_date_without_time(calendar: Desk) -> None:
    """A date has no hour, which counts as the first one."""
    named = between("last_year", "next_month")
    assert calendar.ask("plannedDATEPARTx@javascript:gs.datePart('hour','0','EE')") == named


@pytest.mark.parametrize(
    "query",
    [
        "opened_atDATEPARTMonday",
        "opened_atDATEPARTx@javascript:gs.datePart('dayofweek','moonday','EE')",
        "opened_atDATEPARTx@javascript:gs.datePart('dayofweek','monday','==')",
        "opened_atDATEPARTx@javascript:gs.datePart('mood','1','EE')",
        "opened_atRELATIVEGT@fortnight@ago@1",
        "opened_atRELATIVEGT@hour@ago",
        "opened_atRELATIVEGT@year@ago@9999",
        "opened_atRELATIVEGT@second@ago@999999999999",
        "opened_atRELATIVELE@year@ahead@7972",
        "opened_atRELATIVEGT@week@ahead@999999999",
        "opened_atONToday",
        "opened_atSAMEASdue_date@second",
        "opened_atMORETHANdue_date@day@around@1",
        "opened_atMORETHANdue_date",
        "opened_atMORETHANnumber@day@before@1",
    ],
)
def test_malformed(calendar: Desk, query: str) -> None:
    """A date operator whose value has not its form is ignored and reported."""
    assert calendar.ask(query) == ALL
    assert [finding.rule for finding in calendar.findings] == ["query-term-ignored"]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("opened_atMORETHANdue_date@day@before@1", "three two"),
        ("opened_atMORETHANdue_date@day@before@0", "more one three two"),
        ("opened_atMORETHANdue_date@day@before@2", "three"),
        ("opened_atLESSTHANdue_date@day@before@1", "less more one same"),
        ("opened_atLESSTHANdue_date@day@before@0", "less same"),
        ("opened_atLESSTHANdue_date@hour@before@24", "less one same"),
        ("opened_atMORETHANdue_date@second@after@0", "late"),
        ("opened_atMORETHANdue_date@minute@after@0", ""),
        ("opened_atLESSTHANdue_date@week@before@0", "less more one same two"),
        ("opened_atMORETHANdue_date@month@before@23", "three"),
        ("opened_atMORETHANdue_date@month@before@24", ""),
        ("opened_atMORETHANdue_date@quarter@before@7", "three"),
        ("opened_atMORETHANdue_date@year@before@1", "three"),
        ("opened_atSAMEASdue_date@day", "late same"),
        ("opened_atNSAMEASdue_date@day", "half less more one three two"),
        ("opened_atSAMEASdue_date@hour", "one same three two"),
        ("opened_atLT_FIELDdue_date", "less more one three two"),
    ],
)
def test_distance_between_columns(desk: Desk, query: str, rows: str) -> None:
    """MORETHAN and LESSTHAN count whole units that have passed; SAMEAS compares parts (Docs: operators for filters)."""
    for name, opened, due in (
        ("same", "2024-02-29 10:00:00", "2024-02-29 10:00:00"),
        ("late", "2024-02-29 10:00:00", "2024-02-29 09:59:59"),
        ("less", "2026-01-03 23:00:00", "2026-01-04 01:00:00"),
        ("more", "2026-01-03 10:00:00", "2026-01-05 09:59:59"),
        ("one", "2026-01-03 10:00:00", "2026-01-04 10:00:00"),
        ("two", "2026-01-03 10:00:00", "2026-01-05 10:00:00"),
        ("three", "2023-12-31 10:00:00", "2026-01-05 10:00:00"),
        ("half", "2026-01-03 10:00:00", None),
    ):
        desk.add("incident", name, opened_at=opened, due_date=due)
    assert desk.ask(query) == rows.split()


DAYS = [
    *(
        datetime(year, month, 28, 13, 45, 30, tzinfo=UTC) + timedelta(days=4)
        for year in (1900, 2023, 2024)
        for month in range(1, 13)
    ),
    *(datetime(2000, 2, 27, 13, 45, 30, tzinfo=UTC) + timedelta(days=days) for days in range(5)),
]
MONTHS = {"month": 1, "quarter": 3, "year": 12}
SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


def _three_units_later(day: datetime, unit: str) -> datetime:
    if unit not in MONTHS:
        return day + timedelta(seconds=3 * SECONDS[unit])
    months = day.year * 12 + day.month - 1 + 3 * MONTHS[unit]
    return day.replace(year=months // 12, month=months % 12 + 1)


@pytest.mark.parametrize("unit", [*MONTHS, *SECONDS])
def test_units_have_passed_to_the_second(desk: Desk, unit: str) -> None:
    """Three units later are three units, one second less are two, in any month and year."""
    days = [day for day in DAYS if (day.month, day.day) != (2, 29)]
    for number, day in enumerate(days):
        later = _three_units_later(day, unit)
        for kind, due in (("exact", later), ("short", later - timedelta(seconds=1))):
            name = f"{kind} {number:02}"
            desk.add("incident", name, opened_at=day.strftime(STORED), due_date=due.strftime(STORED))
    for query, kind in (("MORETHANdue_date@{}@before@2", "exact"), ("LESSTHANdue_date@{}@before@2", "short")):
        assert desk.ask(f"opened_at{query.format(unit)}") == [f"{kind} {number:02}" for number in range(len(days))]


PARTS = {
    "hour": ("2026-01-31 10:00:00", "2020-05-01 10:59:59", "2026-01-31 11:00:00"),
    "day": ("2026-08-01 10:00:00", "2026-09-01 11:00:00", "2026-08-02 10:00:00"),
    "week": ("2026-01-04 10:00:00", "2025-01-05 11:00:00", "2026-01-03 23:59:59"),
    "month": ("2026-12-31 10:00:00", "2020-12-01 11:00:00", "2026-11-30 10:00:00"),
    "quarter": ("2026-12-31 10:00:00", "2020-10-01 11:00:00", "2026-09-30 10:00:00"),
    "year": ("2026-12-31 10:00:00", "2026-01-01 11:00:00", "2025-12-31 10:00:00"),
}


@pytest.mark.parametrize("part", PARTS)
def test_dates_compare_by_parts(desk: Desk, part: str) -> None:
    """Hours of the day, days of the month, weeks, months and quarters of the year (Docs: equality between dates)."""
    opened, same, other = PARTS[part]
    desk.add("incident", "same", opened_at=opened, due_date=same)
    desk.add("incident", "other", opened_at=opened, due_date=other)
    assert desk.ask(f"opened_atSAMEASdue_date@{part}") == ["same"]
    assert desk.ask(f"opened_atNSAMEASdue_date@{part}") == ["other"]


def test_weeks_of_the_year(desk: Desk) -> None:
    """The days before the first Sunday are week 0, in every year (`datePart('week', '0', 'EE')`: users)."""
    days = [datetime(2003, 12, 1, tzinfo=UTC) + timedelta(days=each) for each in range(0, 800, 3)]
    for day in days:
        desk.add("incident", day.strftime("%Y-%m-%d"), opened_at=day.strftime(STORED))
    for week in (0, 1, 6, 52):
        found = desk.ask(f"opened_atDATEPARTWeek {week}@javascript:gs.datePart('week','{week}','EE')")
        assert found == [day.strftime("%Y-%m-%d") for day in days if int(day.strftime("%U")) == week]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("duration=1970-01-01 16:30:00", "long"),
        ("duration>1 Hour", "long"),
        ("duration<=1970-01-01 01:00:00", "short"),
        ("duration=99999999999999 00:00:00", ""),
        ("duration=" + "9" * 5_000 + " 00:00:00", ""),
        ("duration=soon", ""),
    ],
)
def test_durations(desk: Desk, query: str, rows: str) -> None:
    """Durations compare by their length, in stored form or in words."""
    desk.add("incident", "long", duration="1970-01-01 16:30:00")
    desk.add("incident", "short", duration="1970-01-01 00:10:00")
    desk.add("incident", "void")
    assert desk.ask(query) == rows.split()
