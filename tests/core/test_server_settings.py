"""Whatever an option or a variable holds, a server begins, or ends with one line and exit code 2."""

import re

import pytest

from tests.preloaded import run

COMMANDS = ["mock-servicenow", "console-sim"]
OWN_PASSWORD = {"MOCK_SERVICENOW_PASSWORD": "open sesame"}
both = pytest.mark.parametrize("command", COMMANDS)
SECRETS = [
    ("mock-servicenow", "MOCK_SERVICENOW_ADMIN_TOKEN"),
    ("console-sim", "CONSOLE_SIM_ADMIN_TOKEN"),
]
ODD_HOSTS = ["", "a..b", "a" * 300, ".", "a\udcff"]


async def _refusal(command: str, *arguments: str, **environment: str) -> str:
    """Return why a server does not begin, without the command's name."""
    code, out, err = await run(command, "serve", *arguments, environment=OWN_PASSWORD | environment)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    return re.sub(f"^{command}( serve)?: ", "", err.rstrip("\n"))


@pytest.mark.long
@both
async def test_no_option_takes_bytes_that_are_not_text(command: str) -> None:
    """An address, a name or a file of such bytes is named in one line."""
    _, help_text, _ = await run(command, "serve", "--help", environment={})
    options = sorted(set(re.findall(r"^  (--[a-z-]+) [A-Z]", help_text, re.MULTILINE)))
    assert "--host" in options
    for option in options:
        assert await _refusal(command, f"{option}=a\udcff")


@pytest.mark.long
@both
async def test_a_host_that_nobody_can_look_up(command: str) -> None:
    """Nor is an empty one every address of the machine."""
    for host in ODD_HOSTS:
        assert (await _refusal(command, "--host", host)).startswith("argument --host: invalid host '")


@pytest.mark.parametrize(("command", "variable"), SECRETS)
@pytest.mark.parametrize("token", ["\udcff", "two\nlines", "pässword", " indented", "ended "])
async def test_a_token_that_no_client_can_send(command: str, variable: str, token: str) -> None:
    """The control plane would be closed to everybody."""
    told = await _refusal(command, **{variable: token})
    assert told == f"{variable}: invalid token: expected one line of ASCII characters, without blanks at its ends."


async def test_a_password_that_is_not_text() -> None:
    """It is refused without being shown."""
    told = await _refusal("mock-servicenow", MOCK_SERVICENOW_PASSWORD="sec\udcffret")
    assert told == "MOCK_SERVICENOW_PASSWORD: invalid secret: expected UTF-8 text."


@pytest.mark.long
@both
async def test_a_proxy_variable_that_is_not_text(command: str) -> None:
    """It is refused before a request goes through it."""
    for variable in ("HTTPS_PROXY", "NO_PROXY"):
        await _refusal(command, "--port", "99999", **{variable: "http://a\udcff:1"})
