import re
from html import unescape
from urllib.parse import urlsplit

import pytest

from tests.page_walk import of_product, posted_pages

from .conftest import Shown, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")
_FORM = re.compile(r'<form method="post"(?: action="([^"]*)")?.*?</form>', re.DOTALL)
_LINK = re.compile(r'href="(/[^"#]*)"')
_INPUT = re.compile(r"<input ([^>]*)>")
_SELECT = re.compile(r'<select id="\w+" name="(\w+)".*?</select>', re.DOTALL)
_CHOSEN = re.compile(r'value="([^"]*)" selected|<option selected>([^<]*)')
_AREA = re.compile(r'<textarea id="\w+" name="(\w+)"[^>]*>\n?(.*?)</textarea>', re.DOTALL)
MAKING = ("/create", "/duplicate", "/login", "/logout", "/endpoint")
"""Ends of the addresses of forms that make something new, which overwrites nothing."""
EDITS = {
    "/admin/configuration/advanced": "api_enabled",
    "/admin/roles/role": "member",
    "/admin/users/api-client": "active",
}
"""The field that is left out where a form has no description to edit."""


def _attributes(text: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', text)} | (
        {"checked": "yes"} if re.search(r"\schecked\b", text) else {}
    )


def _fields(form: str) -> list[tuple[str, str]]:
    """Return what a browser posts of a form that nobody has edited."""
    found = [_attributes(each) for each in _INPUT.findall(form)]
    ticks = {"checkbox", "radio"}
    inputs = [
        (each["name"], each.get("value", ""))
        for each in found
        if "name" in each and (each.get("type") not in ticks or "checked" in each)
    ]
    chosen = [(each[1], next(iter(_CHOSEN.findall(each[0])), ("", ""))) for each in _SELECT.finditer(form)]
    selected = [(name, unescape(value or text)) for name, (value, text) in chosen]
    return [*inputs, *selected, *((name, unescape(text)) for name, text in _AREA.findall(form))]


def _forms(shown: Shown) -> dict[str, tuple[str, str]]:
    """Return the address and the source of each form of a page, by the path that takes it."""
    found = [(unescape(each[1] or shown.address), each[0]) for each in _FORM.finditer(shown.html)]
    return {urlsplit(address).path: (address, form) for address, form in found}


async def _walk(site: Site) -> dict[str, str]:
    """Return a page with a form for each path that takes forms."""
    waiting, seen, forms = ["/"], {"/"}, dict[str, str]()
    while waiting:
        page = waiting.pop(0)
        shown = await site.person.get(page)
        forms = dict.fromkeys(_forms(shown), shown.address) | forms
        links = {unescape(each) for each in _LINK.findall(shown.html)}
        new = [each for each in links - seen if not each.startswith(("/__cockpit", "/ui/", "/swagger"))]
        seen |= set(new)
        waiting += sorted(new)
    return forms


def _edited(path: str, fields: list[tuple[str, str]], text: str) -> list[tuple[str, str]]:
    """Return the fields of a form with one of them edited."""
    return [(name, text if name == "description" else value) for name, value in fields if name != EDITS.get(path)]


@pytest.mark.long
async def test_second_to_save_any_form_overwrites_nothing(site: Site) -> None:
    """Of two forms that were opened at once, the second is refused; each form is walked over or makes something new."""
    await site.set_up()
    await site.ask()
    action = (await site.person.open("/admin/actions", "Approval Request Form Action")).links["Duplicate"]
    await site.person.submit(action, {"name": "Mine"})
    forms = await _walk(site)
    changing = [path for path in of_product(posted_pages(site.app)) if not path.endswith(MAKING)]
    assert {path for path in changing if path not in forms} == {"/manage-approvals/confirm"}
    for path in changing:
        if path.startswith("/manage-approvals"):
            continue
        address, form = _forms(await site.person.get(forms[path]))[path]
        fields = _fields(form)
        answers = [await site.person.call("POST", address, data=_edited(path, fields, text)) for text in ("1", "2")]
        assert (path, [each.status for each in answers]) == (path, [200, 409])
    assert "***" not in str([each["url"] for each in (await site.admin("GET", "/requests"))["requests"]])
