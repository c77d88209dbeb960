"""Secrets of many shapes in every place and encoding, and words that must stay."""

import html
import json
import time
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privman_core.cuts import CUT, cut, shortest_prefix
from privman_core.journal import Journal
from privman_core.masking import Secrets, is_distinct
from privman_core.spans import bare

from .conftest import Party, judge

Encoding = Callable[[str], str]


def escaped_in_json(character: str) -> str:
    """Return a character as the escapes of its UTF-16 units."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def escaped_in_python(character: str) -> str:
    """Return a character as `repr` writes those that cannot be printed."""
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\U{ord(character):08x}"


def referenced(text: str, form: str) -> str:
    """Return a text as character references; HTML has none of control characters."""
    return "".join(form.format(ord(each)) if each.isprintable() else each for each in text)


ENCODINGS: dict[str, Encoding] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "some percent": lambda text: quote(text, safe="!$&'()*+,;=:@/?~"),
    "lower-case percent": lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "HTML": html.escape,
    "HTML of templates": lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "JSON escapes alone": lambda text: "".join(map(escaped_in_json, text)),
    "Python's escapes alone": lambda text: "".join(map(escaped_in_python, text)),
    "HTML references alone": lambda text: referenced(text, "&#{};"),
    "hexadecimal HTML references": lambda text: referenced(text, "&#x{:X};"),
    "percent alone": lambda text: "".join(f"%{each:02X}" for each in text.encode()),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capital letters": lambda text: text.encode().hex().upper(),
    "hexadecimal after a name": lambda text: f"u:{text}".encode().hex(),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "base64 after one byte": lambda text: b64encode(b" " + text.encode() + b" ").decode(),
    "base64 after two bytes": lambda text: b64encode(b"u:" + text.encode()).decode(),
}
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=8, max_size=40
)
# A secret that is made of little but escapes is an ordinary text without them.
DISTINCT = TEXTS.filter(lambda text: is_distinct(bare(text)))
SHORT = ("test", "x", "admin", "contract", "20261127", "pass word", 'in\\ner"pass', "ü&<=%41^'")
WORDS = "contract tests are attested by x, administrators & test; 20261127"


@given(secret=DISTINCT, inner=st.sampled_from(sorted(ENCODINGS)), outer=st.sampled_from(sorted(ENCODINGS)))
def test_a_distinct_secret_is_masked_in_every_encoding(secret: str, inner: str, outer: str) -> None:
    """Encoded once or twice, at any place of any text, nothing of it is left."""
    secrets = Secrets()
    secrets.add(secret)
    encoded = ENCODINGS[outer](ENCODINGS[inner](secret))
    masked = secrets.mask(f"before [{encoded}] after")
    assert encoded not in masked
    assert masked.startswith("before [")
    assert masked.endswith("] after")


@pytest.mark.parametrize("secret", SHORT)
def test_a_short_secret_stays_an_ordinary_word(secret: str) -> None:
    """Words that happen to be somebody's password, or have it in them, are readable."""
    secrets = Secrets()
    secrets.add_login("admin", secret)
    assert secrets.mask(WORDS) == WORDS


PLACES: dict[str, tuple[str, str]] = {
    "JSON": ('{"user_password": %j, "note": "kept"}', '{"user_password": "***", "note": "kept"}'),
    "JSON in JSON": (
        '{"instance_metadata": %J, "note": "kept"}',
        '{"instance_metadata": "{\\"Password\\": \\"***\\", \\"note\\": \\"kept\\"}", "note": "kept"}',
    ),
    "JSON with both values": (
        '{"token": {"display_value": %j, "value": [%j]}, "note": "kept"}',
        '{"token": "***", "note": "kept"}',
    ),
    "JSON with single quotes": ("{'client_secret': %j, 'note': 'kept'}", "{'client_secret': \"***\", 'note': 'kept'}"),
    "a secret key": ('{"SecretKey": %j, "Key": "kept"}', '{"SecretKey": "***", "Key": "kept"}'),
    "JSON that is cut": ('{"note": "kept", "api_key": %j', '{"note": "kept", "api_key": "***"'),
    "key of several words": ('{"Client Secret": %j, "note": "kept"}', '{"Client Secret": "***", "note": "kept"}'),
    "form": ("grant_type=password&password=%f&user=kept", "grant_type=password&password=***&user=kept"),
    "form with brackets": ("user[password]=%f&user[name]=kept", "user[password]=***&user[name]=kept"),
    "query": ("/x?access_token=%f&kept=1", "/x?access_token=***&kept=1"),
    "address": ("https://admin:%f@kept.example/", "https://admin:***@kept.example/"),
    "XML": ("<a><user_password>%h</user_password>kept</a>", "<a><user_password>***</user_password>kept</a>"),
    "XML with attributes": ('<n:secret a="%h">%h</n:secret>kept', "<n:secret ***>***</n:secret>kept"),
    "XML over lines": ("<secret\n>%h</secret>kept", "<secret\n>***</secret>kept"),
    "attributes of an empty element": ('<kept><secret a="%h"/></kept>', "<kept><secret ***></kept>"),
    "XML without end": ("<kept><user_password>%h", "<kept><user_password>***"),
    "attribute": ('<user password="%h" name="kept">', '<user password="***" name="kept">'),
    "header": ("curl -H 'X-UserToken: %b' kept", "curl -H 'X-UserToken:***' kept"),
    "header on a line": ("Authorization: Basic %b\r\nkept", "Authorization:***\r\nkept"),
    "scheme": ("sent Basic %b and kept", "sent Basic *** and kept"),
    "headers of a batch": (
        '[{"name":"Authorization","value":%j},{"name":"kept","value":"kept"}]',
        '[{"name":"Authorization","value":"***"},{"name":"kept","value":"kept"}]',
    ),
    "headers the other way round": (
        '[{"value":%j, "name":"Cookie"},{"value":"kept","name":"kept"}]',
        '[{"value":"***", "name":"Cookie"},{"value":"kept","name":"kept"}]',
    ),
    "headers as a list": ('[["Authorization", %j], ["kept", "kept"]]', '[["Authorization", "***"], ["kept", "kept"]]'),
    "part of a form": (
        'Content-Disposition: form-data; name="password"\r\n\r\n%s\r\n--boundary\r\nkept',
        'Content-Disposition: form-data; name="password"\r\n\r\n***\r\n--boundary\r\nkept',
    ),
    "last part of a form": (
        "Content-Disposition: form-data; name=client_secret\r\n\r\n%s",
        "Content-Disposition: form-data; name=client_secret\r\n\r\n***",
    ),
    "encoded query": (
        "/x?sysparm_query=name=kept^user.user_password=%q^active=true",
        "/x?sysparm_query=name=kept^user.user_password=***^active=true",
    ),
    "encoded query in percent escapes": (
        "/x?sysparm_query=name%3Dkept%5Euser_password%3D%q%5Eactive%3Dtrue",
        "/x?sysparm_query=name%3Dkept%5Euser_password%3D***%5Eactive%3Dtrue",
    ),
    "encoded query, half escaped": (
        "/x?sysparm_query=a=b%5Epassword=%q%5Ekept=1",
        "/x?sysparm_query=a=b%5Epassword=***%5Ekept=1",
    ),
    "operator in letters": ("/x?q=secretSTARTSWITH%q^kept=1", "/x?q=secretSTARTSWITH***^kept=1"),
    "operators after a connector": (
        "/x?q=a=1^ORsecretIN%q^NQtokenSTARTSWITH%q^kept=1",
        "/x?q=a=1^ORsecretIN***^NQtokenSTARTSWITH***^kept=1",
    ),
    "operators that are signs": (
        "/x?q=secret*%q^secret!*%q^secret<%q^secret>%q^secretNOTLIKE%q^secretCHANGESTO%q^kept=1",
        "/x?q=secret****^secret!****^secret<***^secret>***^secretNOTLIKE***^secretCHANGESTO***^kept=1",
    ),
    "password in two words": (
        '{"Pass-Word": %j, "pass_code": %j, "pass-time": "kept"}',
        '{"Pass-Word": "***", "pass_code": "***", "pass-time": "kept"}',
    ),
    "key of two words": ('{"API Key": %j, "Key": "kept"}', '{"API Key": "***", "Key": "kept"}'),
    "keys of many kinds": (
        '{"shared_key": %j, "privateKey": %j, "X-Access-Key": %j, "key": "kept"}',
        '{"shared_key": "***", "privateKey": "***", "X-Access-Key": "***", "key": "kept"}',
    ),
    "form token": ("decision=allow&sysparm_ck=%f&kept=1", "decision=allow&sysparm_ck=***&kept=1"),
    "value before its type": (
        '{"value": %j, "type": "password2", "note": "kept"}',
        '{"value": "***", "type": "password2", "note": "kept"}',
    ),
    "field of a page": (
        '<input type="hidden" name="sysparm_ck" value="%h"><input name="kept" value="kept">',
        '<input type="hidden" name="sysparm_ck" value="***"><input name="kept" value="kept">',
    ),
    "conditions of aggregates": (
        "/x?sysparm_having=max^user_password^=^%c,count^kept^>^1&kept=1",
        "/x?sysparm_having=max^user_password^=^***,count^kept^>^1&kept=1",
    ),
    "conditions of aggregates in percent escapes": (
        "/x?sysparm_having=max%5Euser_password%5E%3D%5E%c&kept=1",
        "/x?sysparm_having=max%5Euser_password%5E%3D%5E***&kept=1",
    ),
    "operators with patterns": (
        "/x?q=secretMATCH_RGX%q^secretSAMEAS%q^kept=1",
        "/x?q=secretMATCH_RGX***^secretSAMEAS***^kept=1",
    ),
    "conditions of aggregates at the end of a path": (
        "/x?sysparm_having=max^user.user_password^LIKE^%f^%f&kept=1",
        "/x?sysparm_having=max^user.user_password^LIKE^***&kept=1",
    ),
    "operators of all kinds": (
        "/x?q=secretSAMEAS%q^ORsecretGT_FIELD%q^secretISNOTEMPTY^kept=1",
        "/x?q=secretSAMEAS***^ORsecret***^secretISNOTEMPTY^kept=1",
    ),
    "operators after a connector and a path": (
        "/x?q=a=1^ORuser.secret*%q^NQuser.secretSAMEAS%q^kept=1",
        "/x?q=a=1^ORuser.secret****^NQuser.secretSAMEAS***^kept=1",
    ),
    "value of a property": (
        "/api/now/table/sys_properties?sysparm_query=name=a.b^value=%q^valueSTARTSWITH%q^kept=1",
        "/api/now/table/sys_properties?sysparm_query=name=a.b^value=***^valueSTARTSWITH***^kept=1",
    ),
    "value of a property as a parameter": (
        "/sys_properties_list.do?value=%f&kept=1",
        "/sys_properties_list.do?value=***&kept=1",
    ),
    "key without quotes": (
        "{user_password: %j, key: 'kept', note: 'kept'}",
        "{user_password: \"***\", key: 'kept', note: 'kept'}",
    ),
    "rest of a value with ^": (
        "/x?q=secret=%q^Rest^^Pass-9^kept=1^ORDERBYsecret",
        "/x?q=secret=***^kept=1^ORDERBYsecret",
    ),
    "other operators": ("/x?q=secret!=%q^secretNOT LIKE%q^kept=1", "/x?q=secret!=***^secretNOT LIKE***^kept=1"),
}


def fill(template: str, secret: str) -> str:
    """Return the template with the secret written as its place demands."""
    nested = json.dumps(json.dumps({"Password": secret, "note": "kept"}))
    return (
        template.replace("%J", nested)
        .replace("%j", json.dumps(secret))
        .replace("%f", quote(secret, safe=""))
        .replace("%q", quote(secret.replace("^", "").replace("&", ""), safe=""))  # they end a term
        .replace("%c", "".join(filter(str.isalnum, secret)))  # other characters end a condition, or are escaped in it
        .replace("%h", html.escape(secret))
        .replace("%b", b64encode(f"admin:{secret}".encode()).decode())
        .replace("%s", secret)
    )


@pytest.mark.parametrize("secret", [*SHORT, "long-and-random-4711"])
@pytest.mark.parametrize("place", PLACES)
def test_a_place_is_masked_whatever_its_value(place: str, secret: str) -> None:
    """Nobody has to know the secret: the name before it says what it is."""
    template, masked = PLACES[place]
    assert Secrets().mask(fill(template, secret)) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"u_pin": "1234", "u_pink": "kept"}', '{"u_pin": "***", "u_pink": "kept"}'),
        ("/x?q=u_pinSTARTSWITH12^kept=1", "/x?q=u_pinSTARTSWITH***^kept=1"),
        ("<u_pin>1234</u_pin>kept", "<u_pin>***</u_pin>kept"),
        ("pin=1234", "pin=1234"),
        ("'u_pinSTARTSWITH1234' compares with nothing", "'u_pinSTARTSWITH*** compares with nothing"),
        ("'a.passwordNOTLIKEx' compares with nothing", "'a.passwordNOTLIKE*** compares with nothing"),
        ("'a.password*x' compares with nothing", "'a.password**** compares with nothing"),
    ],
)
def test_fields_may_be_named(text: str, masked: str) -> None:
    """A field that is known to hold secrets is masked whatever its name."""
    assert Secrets(fields=frozenset({"u_pin"})).mask(text) == masked


def test_named_fields_may_have_several_words() -> None:
    """The last word of their name counts."""
    secrets = Secrets(fields=frozenset({"Shared code", "\u5bc6\u7801"}))
    assert secrets.mask('{"Shared Code": "1234", "Shared": "kept"}') == '{"Shared Code": "***", "Shared": "kept"}'


@pytest.mark.parametrize(
    "name", ["X-Auth", "x-auth-key", "X-Authorization", "Credentials", "X-Pass", "Client-Secret", "Authorization"]
)
def test_a_header_is_masked_if_a_word_says_so(name: str) -> None:
    """Whatever scheme it has."""
    assert Secrets().mask_headers([(name, "Hawk tiger"), ("Author", "kept")]) == [(name, "***"), ("Author", "kept")]


@pytest.mark.parametrize("place", PLACES)
def test_a_place_in_base64_is_masked(place: str) -> None:
    """The body of a call within a batch is such a text."""
    template, masked = PLACES[place]
    packed = b64encode(fill(template, "test").encode()).decode()
    assert Secrets().mask(f'{{"body":"{packed}"}}') == f'{{"body":"{b64encode(masked.encode()).decode()}"}}'


@pytest.mark.parametrize("length", [16, 64, 76])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\\n"])
@pytest.mark.parametrize("secret", ["test", "long-and-random-4711"])
def test_base64_in_lines_is_masked(length: int, line_break: str, secret: str) -> None:
    """Many tools break it, as MIME does."""
    for rest in range(12):
        text = f'{{"note": "{"kept" * 20}{"." * rest}", "user_password": "{secret}"}}'
        packed = b64encode(text.encode()).decode()
        lines = line_break.join(packed[at : at + length] for at in range(0, len(packed), length))
        masked = b64encode(text.replace(secret, "***").encode()).decode()
        assert Secrets().mask(f'{{"body":"{lines}"}}') == f'{{"body":"{masked}"}}'


@pytest.mark.parametrize("gap", ["\n", "\r\n", " ", "\n\n", "\t"])
@pytest.mark.parametrize("width", [4, 20, 76])
def test_a_place_in_wrapped_base64_is_masked(width: int, gap: str) -> None:
    """Blanks and line breaks within base64 hide nothing; it is written anew without them."""
    text = '{"user_name": "somebody", "note": "kept", "user_password": "tiger"}'
    packed = b64encode(text.encode()).decode()
    wrapped = gap.join(packed[at : at + width] for at in range(0, len(packed), width))
    masked = b64encode(text.replace("tiger", "***").encode()).decode()
    assert Secrets().mask(json.dumps({"body": wrapped})) == json.dumps({"body": masked})


@pytest.mark.parametrize("heading", ["Content-Transfer-Encoding: base64\r\n\r\n", "attached\n\n"])
def test_wrapped_base64_after_a_heading_is_masked(heading: str) -> None:
    """A word before it is not taken for a part of it."""
    packed = b64encode(b"grant_type=password&password=tiger").decode()
    masked = b64encode(b"grant_type=password&password=***").decode()
    assert Secrets().mask(f"{heading}{packed[:30]}\r\n{packed[30:]}") == heading + masked


@pytest.mark.parametrize(
    "text",
    [
        "grant_type=password&kept=1",
        '{"secret": null, "password": "", "token": true}',
        '["user_password","active"]',
        '{"name": "token", "kept": "kept"}',
        '"name": "secret", value',
        "sysparm_fields=user_password,active",
        "/api/now/table/x_configuration_secret?sysparm_limit=1",
        "Basic authentication, a bearer of news",
        "http://kept.example:80/a:b@c",
        "a key=kept, keys of the kept kind",
        "password 100% kept, secret* kept",
        "<secret kept",
        "secretISEMPTY^kept=1",
        "the tokenID, secretNAME and passwordREST of what is kept",
        "/sys_properties?sysparm_query=name=a.b and value=kept",
        "/sys_user?sysparm_query=value=kept",
        "user_password is missing",
        "cookiecutter: kept",
        '"value": 5, "name": "secret"',
        "aGVsbG8gd29ybGQsIGtlcHQ=",
        "password",
    ],
)
def test_what_only_looks_like_a_place_stays(text: str) -> None:
    """A name without a value hides nothing."""
    assert Secrets().mask(text) == text


async def outputs(party: Party) -> list[str]:
    """Return everything that the party shows of its exchanges, as text."""
    _, journal = await party.call("GET", "/__admin/requests")
    pages = ["/__admin/requests", "/__admin/findings", "/__cockpit", "/__cockpit?find=x", "/__cockpit/sequence?about=x"]
    pages += [f"/__cockpit/exchanges/{exchange['number']}" for exchange in journal["requests"]]
    answers = [await party.call("GET", page) for page in pages]
    assert {status for status, _ in answers} == {200}
    return [body if isinstance(body, str) else json.dumps(body) for _, body in answers]


@pytest.mark.parametrize(
    "secret",
    [
        "0123456789abcdef" * 4,
        'p4$$w"o rd!',
        "<x&y>'\"\\/+= %",
        'pa%41ss"word1',
        "日本語パスワード1",
        "a" + "\\" * 10 + "1",
    ],
)
async def test_no_output_shows_a_distinct_secret(roomy_party: Party, secret: str) -> None:
    """In the address, in a header, in the body and in what a body says of itself no encoding of it is shown."""
    party = roomy_party
    party.secrets.add(secret)
    for encode in ENCODINGS.values():
        text = encode(secret)
        query = urlencode({"x": text})
        await party.call("POST", f"/x?{query}", data=text.encode(), headers={"X-Note": quote(text)})
        await party.call("POST", "/x", json={"wrong": json.dumps({"note": [text]})})
    shown = await outputs(party)
    for output in (*shown, *map(bare, shown)):
        assert [name for name, encode in ENCODINGS.items() if encode(secret) in output] == []


@pytest.mark.parametrize("secret", ["test", "x1", "contract"])
async def test_no_output_shows_a_short_secret_in_its_place(roomy_party: Party, secret: str) -> None:
    """A short password is masked in every place of one, and words that have it in them stay."""
    party = roomy_party
    marked = f"{secret}<{secret}>"
    for template, _ in PLACES.values():
        await party.call("POST", "/x", data=fill(template, marked).encode())
        await party.call("POST", "/x", json={"body": b64encode(fill(template, marked).encode()).decode()})
    await party.call("POST", f"/x?password={marked}", headers={"Authorization": f"Basic {marked}", "X-Api-Key": marked})
    await party.call("POST", "/x", data={"password": marked})
    await party.call("POST", "/words", data=f"a {secret}, {secret}ed and un{secret}able")
    shown = await outputs(party)
    assert [output for output in map(bare, shown) if marked in output] == []
    assert f"a {secret}, {secret}ed and un{secret}able" in shown[0]


WORST = {
    **{f"only {each!r}": each for each in "\\\"'%&<>=:?^ \n{[(a0+/.-_,;@#"},
    **{f"{place} again and again": fill(template, "") for place, (template, _) in PLACES.items()},
    "keys without values": '"password":',
    "openings": '{"token":[',
    "escaped quotes": '\\"',
    "escapes of escapes": "%25",
    "units": "\\ud800",
    "references": "&amp;",
    "names": "password",
    "names with signs": "token=",
    "elements": "<token ",
    "parts": 'content-disposition: form-data; name="password"\r\n',
    "schemes": "basic ",
    "addresses": "http://",
    "values before names": '"value":"',
    "headers": "authorization:\n",
    "blanks after a name": '"password"' + " " * 1000,
    "base64": "YWFh",
    "base64 in lines": "YWFhYWFhYWFhYWFh\n",
    "lines that are never the last": "YWFhYWFh\nYWFhYWFhYWFh\n",
    "base64 in short lines": "YWFh\n",
    "elements in lines": "<token\n",
    "properties": "sys_properties?value=",
    "marks of cuts": "YWFhYWFh…",
}


@pytest.mark.once
@pytest.mark.parametrize("worst", WORST)
async def test_a_megabyte_of_the_worst_is_journaled(party: Party, worst: str) -> None:
    """Reading takes one pass: with a step for each pair of characters a megabyte would take hours, not a moment."""
    party.journal = Journal(party.clock, party.secrets, judge)
    text = WORST[worst] * (1_000_000 // len(WORST[worst]))
    exchange = party.journal.begin("in", "POST", f"/{text[:60_000]}", {"X-Note": text[:8_000]}, text.encode())
    party.journal.finish(exchange, 200, {}, b"")
    assert party.journal.to_json(exchange)["status"] == 200


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"password": 4711, "kept": 1}', '{"password": "***", "kept": 1}'),
        ('{"x": "{\\"pin_token\\": 4711, \\"kept\\": 1}"}', '{"x": "{\\"pin_token\\": \\"***\\", \\"kept\\": 1}"}'),
        ('{"kept": 1, "token": ["4711", {"a": "]"', '{"kept": 1, "token": "***"'),
    ],
)
def test_values_that_are_no_texts_are_masked(text: str, masked: str) -> None:
    """Numbers, lists and objects are masked as texts, so that JSON stays JSON."""
    assert Secrets().mask(text) == masked


def test_secrets_that_share_characters_are_masked_together() -> None:
    """Nothing is left of either."""
    secrets = Secrets()
    secrets.add("abcdefgh1")
    secrets.add("fgh1ijkl2")
    assert secrets.mask("[abcdefgh1ijkl2]") == "[***]"


@pytest.mark.parametrize(("times", "masked"), [(1, True), (3, True), (5, False)])
def test_base64_is_unpacked_three_times(times: int, masked: bool) -> None:  # noqa: FBT001 - a parameter
    """No message of either product packs texts deeper, and each layer costs time."""
    text = "grant_type=password&password=test"
    for _ in range(times):
        text = b64encode(text.encode()).decode()
    assert (Secrets().mask(text) != text) == masked


def test_the_newest_dead_secrets_are_remembered() -> None:
    """Of secrets that open nothing any more so many are masked, the newest ones."""
    secrets = Secrets(kept=2)
    names = [f"5ecret-number-{number}" for number in range(4)]
    for name in names:
        secrets.add(name)
        secrets.retire(name)
    assert [secrets.mask(name) for name in names] == [*names[:2], "***", "***"]


def test_a_text_shown_before_a_secret_was_known_is_masked_afterwards() -> None:
    """Masked texts are kept for the next reader of a journal, until there is a new secret or place."""
    secrets = Secrets()
    header, address = ("X-Note", "the 5ecret-of-the-user"), "/?pin=4711"
    assert (secrets.mask(header[1]), secrets.mask_headers([header])) == (header[1], [header])
    secrets.add("5ecret-of-the-user")
    assert (secrets.mask(header[1]), secrets.mask_headers([header])) == ("the ***", [("X-Note", "the ***")])
    assert secrets.mask(address) == address
    secrets.add_place("pin", is_header=False)
    assert secrets.mask(address) == "/?pin=***"


def test_kept_texts_make_room() -> None:
    """More texts than are kept, and long ones, are masked as ever."""
    secrets = Secrets()
    secrets.add("5ecret-of-the-user")
    for number in range(2_500):
        assert secrets.mask(f"{number} 5ecret-of-the-user") == f"{number} ***"
    assert secrets.mask(f"{'-' * 3_000}5ecret-of-the-user") == f"{'-' * 3_000}***"


PADDING = st.integers(0, 120).map("x".__mul__)
CUT_SECRETS = st.text(
    st.characters(codec="ascii", min_codepoint=32, exclude_characters="x\x7f") | st.sampled_from("äß日𝄞"),
    min_size=8,
    max_size=40,
).filter(lambda text: is_distinct(bare(text)))
DIGITS = [name for name in ENCODINGS if "base64" in name or ("hexadecimal" in name and "references" not in name)]


@given(
    secret=CUT_SECRETS,
    padding=PADDING,
    longest=st.integers(1, 300),
    outer=st.sampled_from(sorted(set(ENCODINGS) - set(DIGITS))),
    inner=st.sampled_from(sorted(set(ENCODINGS) - set(DIGITS))),
)
def test_a_cut_leaves_nothing_of_a_secret(secret: str, padding: str, longest: int, outer: str, inner: str) -> None:
    """Wherever a text is cut, within an escape too, and whether the mark is escaped or not."""
    secrets = Secrets()
    secrets.add(secret)
    left = cut(padding + ENCODINGS[outer](ENCODINGS[inner](secret)), longest)
    for text in (left, repr(left), json.dumps({"message": left})):
        shown = bare(secrets.mask(text))
        assert bare(secret)[: shortest_prefix(bare(secret))] not in shown
        assert secret[: shortest_prefix(secret)] not in shown


@given(secret=CUT_SECRETS, longest=st.integers(12, 200), name=st.sampled_from(DIGITS))
def test_a_cut_leaves_no_digits_of_a_secret(secret: str, longest: int, name: str) -> None:
    """Base64 and hexadecimal digits that end within a secret are masked, by themselves or within base64."""
    secrets = Secrets()
    secrets.add(secret)
    encoded = ENCODINGS[name](secret)
    assert encoded[:20] not in secrets.mask(cut(encoded, longest))
    packed = b64encode(f"padding {encoded}".encode()).decode()
    assert packed[:44] not in secrets.mask(cut(packed, longest))


@pytest.mark.parametrize("place", ['{"password": "tig', "grant_type=password&password=tig"])
def test_a_cut_place_in_cut_base64_is_masked(place: str) -> None:
    """The beginning of a short password is masked by its place, and what is before it stays."""
    packed = b64encode(f"{place}er and more of it".encode()).decode()
    masked = Secrets().mask(f"got {cut(packed, 4 * (len(place) // 3 + 1))}")
    assert b64decode(masked.removeprefix("got ").removesuffix(CUT)).decode() == place.replace("tig", "***")


@pytest.mark.parametrize("text", ["a short sec…", "no end of numbers 12…", "YWJjZGVmZ2hp…", "616263646…", "…", "… a …"])
def test_an_ordinary_text_that_is_cut_stays(text: str) -> None:
    """Less of a secret than `shortest_prefix` is the beginning of an ordinary word."""
    secrets = Secrets()
    for secret in ("secret-of-a-user-1", "12345-678-90", "a…b", "tiny…secret-with-a-mark"):
        secrets.add(secret)
    assert secrets.mask(text) == text


@given(
    secret=st.text("abcdefgh-0123456789", min_size=8, max_size=40).filter(is_distinct),
    shown=st.integers(1, 40),
    rest=st.text("ijklmnop .,", min_size=1, max_size=20),
)
def test_a_word_that_begins_like_a_secret_stays(secret: str, shown: int, rest: str) -> None:
    """A mark hides what may be the beginning of a secret, and no other text before it."""
    secrets = Secrets()
    secrets.add(secret)
    text = f"{secret[: min(shown, len(secret) - 1)]}{rest}{CUT}"
    assert secrets.mask(text) == text


@given(secret=CUT_SECRETS, kept=st.integers(1, 40))
def test_at_most_a_quarter_of_a_secret_stays_readable(secret: str, kept: int) -> None:
    """Of a short password that a cut has left less is readable than of a long token."""
    secrets = Secrets()
    secrets.add(secret)
    masked = secrets.mask(f"a text, {cut(secret, min(kept, len(secret) - 1))}")
    left = masked.removeprefix("a text, ").removesuffix(CUT)
    assert left.removesuffix("***") == "" or len(left) <= min(5, len(secret) // 4)


def test_a_long_secret_is_searched_for_in_linear_time() -> None:
    """A secret of 200,000 characters that repeats itself is compared with a text that is almost the same."""
    secrets = Secrets()
    secrets.add("abcdef" * 33_000 + "1")
    text = f"x{'abcdef' * 32_000}Z{CUT}"
    started = time.process_time()
    masked = secrets.mask(text)
    assert (masked, time.process_time() - started < 2.5) == (f"x***Z{CUT}", True)
