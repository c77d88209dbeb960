"""The targets that settings name."""

from collections.abc import Mapping
from dataclasses import replace

from privman_core.client_settings import SETTINGS, setting_named
from privman_core.clock import RealClock
from privman_core.resolution import Resolved
from privman_scenarios.playing.log_in_settings import instance
from privman_scenarios.playing.target import Target

_FAKES = {"servicenow": ("ServiceNow", "the mock"), "console": ("Console", "the simulator")}
Named = Mapping[str, Resolved]


def servicenow_target(settings: Named) -> Target | None:
    """Return the instance that settings name, None for the mock."""
    return None if settings["servicenow_url"].value is None else named_instance(settings)


def named_instance(settings: Named) -> Target:
    """Return the instance that settings name; raises UsageError for an unusable log-in."""
    url, token = settings["servicenow_url"].value, settings["servicenow_admin_token"]
    seconds, trusted = settings["timeout"].value, settings["ca_file"].value
    found = instance(url, _users(settings), RealClock(), admin_token=token, seconds=seconds, ca_file=trusted)
    return replace(found, place=_place(settings, "servicenow_url"))


def _place(settings: Named, name: str) -> str:
    return settings[name].place(setting_named(name))


def _users(settings: Named) -> Named:
    """Return what is set about users of an instance, under the names of the variables."""
    found = (each for each in SETTINGS if each.party == "servicenow" and each.name in settings)
    return {each.variable: settings[each.name] for each in found if settings[each.name].value is not None}


def console_target(settings: Named) -> Target | None:
    """Return the console that settings name, None for the simulator."""
    if settings["console_url"].value is None:
        return None
    url, token, place = settings["console_url"].value, settings["console_admin_token"], _place(settings, "console_url")
    return Target(url, admin_token=token, seconds=settings["timeout"].value, place=place)


def announcement(settings: Named) -> str:
    """Return which targets are played on and where each address is from.

    Empty if options alone name them, and for fakes where no profile names others.
    """
    urls = {party: settings[f"{party}_url"] for party in _FAKES if f"{party}_url" in settings}
    if all(url.value is None for url in urls.values()):
        why = next((str(url.where) for url in urls.values() if url.where != url.source), "")
        return f"On fakes: {why}." if why else ""
    if all(url.value is None or url.source == "option" for url in urls.values()):
        return ""
    return " ".join(_one(*_FAKES[party], url) for party, url in urls.items())


def _one(name: str, fake: str, url: Resolved) -> str:
    return f"{name}: {fake}." if url.value is None else f"{name}: {url.value} ({url.where})."
