"""Secrets that are masked by their place, whether anybody knows them or not."""

import json
from base64 import b64encode

import pytest

from privman_core.masking import Secrets

from .secret_texts import PLACES, SHORT, fill


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


@pytest.mark.parametrize(("times", "masked"), [(1, True), (3, True), (5, False)])
def test_base64_is_unpacked_three_times(times: int, masked: bool) -> None:  # noqa: FBT001 - a parameter
    """No message of either product packs texts deeper, and each layer costs time."""
    text = "grant_type=password&password=test"
    for _ in range(times):
        text = b64encode(text.encode()).decode()
    assert (Secrets().mask(text) != text) == masked
