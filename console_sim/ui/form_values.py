"""Fields that several forms have."""

from collections.abc import Collection
from datetime import timedelta

from console_sim.names import name_error
from privman_core.clock import MOST_SECONDS
from privman_core.inputs import quoted
from privman_core.natural_numbers import natural_number
from privman_core.pages.forms import Form

LONGEST_DESCRIPTION = 4_000
UNITS = {"Second(s)": timedelta(seconds=1), "Minute(s)": timedelta(minutes=1), "Hour(s)": timedelta(hours=1)}


def read_name(form: Form, taken: Collection[str], field: str = "name") -> str:
    """Return a valid name that is not taken."""
    name = form.text(field)
    if reason := name_error(name):
        form.add_error(field, reason)
    elif name in taken:
        form.add_error(field, f"{name!r} already exists")
    return name


def read_description(form: Form) -> str:
    """Return the description, which may be empty."""
    text = form.value("description").strip()
    if len(text) > LONGEST_DESCRIPTION:
        form.add_error("description", f"has {len(text):,} characters; expected at most {LONGEST_DESCRIPTION:,}")
    return text


def read_number(form: Form, field: str, most: int) -> int:
    """Return a whole number from 1."""
    text = form.value(field).strip()
    number = natural_number(text) or 0
    if not 1 <= number <= most:
        invalid = f"{quoted(text)} is invalid; expected a whole number from 1 to {most:,}"
        form.add_error(field, invalid if text else "is empty; expected a whole number")
    return number


def read_span(form: Form, field: str) -> timedelta:
    """Return a span of time that is written as a number and a unit; seconds if the form has no unit."""
    name = form.value(f"{field}_unit") or "Second(s)"
    if name not in UNITS:
        form.add_error(field, f"has unit {quoted(name)}; expected one of {', '.join(UNITS)}")
        return timedelta()
    return read_number(form, field, int(timedelta(seconds=MOST_SECONDS) / UNITS[name])) * UNITS[name]


def span_values(field: str, span: timedelta) -> dict[str, str]:
    """Return the number and unit of a span: the largest unit that gives a whole number, or else seconds."""
    unit = next((unit for unit, length in reversed(UNITS.items()) if span and not span % length), "Second(s)")
    number = f"{span / UNITS[unit]:.6f}".rstrip("0").rstrip(".")
    return {field: number, f"{field}_unit": unit}


def flags(**values: bool) -> dict[str, str]:
    """Return the values of check boxes and switches."""
    return {name: "yes" if value else "" for name, value in values.items()}
