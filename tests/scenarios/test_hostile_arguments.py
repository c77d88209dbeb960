"""Whatever an option or a file holds, a command ends with one line and an exit code, and never with a traceback."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from privman_scenarios.commands.cli import main

SCENARIO = "title: T\nsteps: [{servicenow.call: {path: /api/now/table/sys_user, by: '', status: 401}}]\n"
WORDS = ["", " ", "\0", "\udce4", "a" * 5_000, "\n::error::x", "\x1b[2J", "\u202e"]
NUMBERS = [*WORDS, "9" * 5_000, "-1", "0", "1.5", "1e999", "nan", "0x1", "٣", "101"]
ADDRESSES = [
    *WORDS,
    *("http://", "http://[", "http://[::1", "http://a:99999", "http://a b", "http://%5B", "ftp://x", "http://.."),
    *("http://me@h", "http://127.0.0.1:0", "http://127.0.0.1:1#f", "http://127.0.0.1:1?x", "http://xn--a", "//x"),
    *(f"http://{'a' * 300}.invalid", "http://\u2603.invalid", "http://x\udce4.invalid", "http://127.0.0.1:1/\x1b[2J"),
]
FILES = [
    "none",
    ".",
    "binary",
    "bomb",
    "deep",
    "numbers",
    "dates",
    "list",
    "deep.har",
    "odd.har",
    "edge.har",
    "/dev/null/x",
]
OUTPUTS = ["", "\0", ".", "/dev/null/x", "a" * 300]
PATHS = [*WORDS, *FILES]
OPTIONS: dict[str, dict[str, list[str]]] = {
    "run s.yaml": {
        **dict.fromkeys(("--seed", "--jobs", "--orders", "--max-skipped", "--min-coverage"), NUMBERS),
        "--generate": [each for each in NUMBERS if each != "101"],
        "--timeout": [*NUMBERS, "nan", "inf", "1e300"],
        "--patience": NUMBERS,
        "--quiet-time": NUMBERS,
        **dict.fromkeys(("--servicenow-url", "--console-url"), ADDRESSES),
        **dict.fromkeys(("--inferred", "--ca-file"), PATHS),
        "--tag": WORDS,
        "--servicenow-user": WORDS,
        **dict.fromkeys(("--junit-xml", "--json", "--writes", "--failures-dir"), OUTPUTS),
    },
    "run": {"": FILES},
    "record s.yaml --out out": {"--har": PATHS, "--seed": NUMBERS},
    "record s.yaml": {"--out": OUTPUTS},
    "drift": {"": PATHS},
    "drift odd.har": {"--inferred": PATHS},
    "fidelity --trap nosuch": {"--servicenow-url": ADDRESSES},
    "fidelity --servicenow-url http://127.0.0.1:9": {
        **dict.fromkeys(("--servicenow-user", "--trap", "--release"), WORDS),
        **dict.fromkeys(("--inferred", "--ca-file"), PATHS),
        "--writes": OUTPUTS,
    },
    "targets --console-url http://127.0.0.1:9": {"--profile": WORDS, "--admin-token-file": PATHS},
    "matrix --release zurich": {"--console": PATHS, "--app": PATHS, "--release": WORDS},
    "mutate --list": {"--mutant": WORDS, "--jobs": NUMBERS, "--seed": NUMBERS},
    "mutate": {"": ["none", "binary", "bomb", "deep"]},
    "contracts diff packaged": {"": PATHS},
    "schema": {"": WORDS},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of files that nobody should write, where the command runs."""
    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "binary").write_bytes(os.urandom(2_000))
    levels = [
        f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
        for before, after in zip("abcdefg", "bcdefgh", strict=True)
    ]
    (tmp_path / "bomb").write_text(f"a: &a [1]\n{''.join(levels)}")
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "numbers").write_text(f"title: T\nseed: {'9' * 5_000}\nsteps: [{{clock.advance: 1 day}}]\n")
    (tmp_path / "dates").write_text("title: T\nclock: 9999-99-99\nsteps: [{clock.advance: 99999999999 days}]\n")
    (tmp_path / "list").write_text("- 1\n- [2]\n")
    (tmp_path / "deep.har").write_text('{"log":' * 5_000)
    _write_hars(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write_hars(folder: Path) -> None:
    deep = json.dumps("[" * 3_000)
    request = {"method": "POST", "url": "http://x/api/now/table/x_thyti_thycotic_p_request?\1=%zz", "headers": []}
    sent = {**request, "postData": {"mimeType": "application/json", "text": f'{{"metadata": {deep}}}'}}
    answer = {"status": 99_999, "content": {"mimeType": "application/json", "text": "[" * 3_000}}
    odd = {"startedDateTime": "2026-01-01T00:00:00", "request": sent, "response": answer}
    edge = {
        "startedDateTime": "0001-01-01T00:00:00+23:59",
        "request": {**request, "url": "http://[::1/"},
        "response": answer,
    }
    for name, entry in (("odd.har", odd), ("edge.har", edge)):
        (folder / name).write_text(json.dumps({"log": {"entries": [entry]}}))


def _cases() -> list[tuple[str, str]]:
    return [(command, option) for command, options in OPTIONS.items() for option in options]


@pytest.mark.long
@pytest.mark.once
@pytest.mark.parametrize(("command", "option"), _cases())
@pytest.mark.usefixtures("folder")
def test_an_option_may_hold_anything(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 to 3, complaints of one line each, and nothing that a terminal or a pipeline obeys."""
    for value in OPTIONS[command][option]:
        code = _run([*command.split(), f"{option}={value}" if option else value])
        captured = capsys.readouterr()
        assert code in (0, 1, 2, 3), value
        complaints = captured.err.splitlines()
        assert bool(complaints) <= (code in (2, 3)), captured.err
        assert all(line.startswith("privman-scenarios") for line in complaints), captured.err
        assert len(captured.err) < 12_000
        assert not any(each in captured.out + captured.err for each in ("Traceback", "\x1b", "\u202e", "\n::error::x"))


def _run(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        return int(str(end.code))


@pytest.mark.parametrize("password", ["\udce4", "", "a" * 5_000])
def test_a_password_may_be_anything(
    password: str, monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no text is refused in one line."""
    setenv: Callable[[str, str], None] = monkeypatch.setenv
    setenv("SERVICENOW_PASSWORD", password)
    code = main(["run", str(folder / "s.yaml"), "--servicenow-url", "http://127.0.0.1:9"])
    assert code == (2 if password in ("\udce4", "") else 3)
    assert len(capsys.readouterr().err.splitlines()) == 1
