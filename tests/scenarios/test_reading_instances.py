"""How `learn` reads an instance: refusals, waits, pages, and what ends it."""

from pathlib import Path
from typing import Any

import pytest

from privman_core.loop_thread import LoopThread
from privman_core.serving import serving
from privman_scenarios.commands.cli import main

from .read_instance import Learn, ReadInstance, half_a_list, listing, page, refusal, too_many
from .targets import packaged

DENY = packaged("deny")


def test_a_table_that_is_not_readable_is_no_bad_log_in(learn: Learn) -> None:
    """Users are not asked for at all."""
    instance = ReadInstance()
    instance.answers["sys_user"] = [refusal(403, "User Not Authorized")]
    assert learn(instance)[0] == 0
    assert "sys_user" not in instance.queries


def test_a_run_needs_users_and_says_so(privman_loop: LoopThread, capsys: pytest.CaptureFixture[str]) -> None:
    """A user who may not read them is let in all the same; exit code 3."""
    instance = ReadInstance()
    instance.answers["sys_user"] = [refusal(403, "User Not Authorized")]
    served = serving(instance.app())
    url = privman_loop.run(served.__aenter__())
    assert main(["run", DENY, "--servicenow-url", url, "--servicenow-user", "reader"]) == 3
    assert "and does not show sys_user to that user (403)." in capsys.readouterr().err
    privman_loop.run(served.__aexit__(None, None, None))


def test_a_failure_of_a_moment_is_asked_again(learn: Learn) -> None:
    """An answer of a proxy or a node that restarts; one that stays ends the command."""
    instance = ReadInstance()
    good = lambda: instance.listed("sys_choice")  # noqa: E731 - an answer
    instance.answers["sys_choice"] = [refusal(503), refusal(502), refusal(504), good]
    assert learn(instance)[0] == 0


def test_tables_that_are_not_readable_are_named(learn: Learn) -> None:
    """It goes on without them."""
    instance = ReadInstance()
    instance.answers["sys_security_acl"] = [refusal(403, "User Not Authorized")]
    code, printed, _ = learn(instance)
    assert code == 0
    assert "sys_security_acl is not readable: 403: User Not Authorized.\n" in printed


@pytest.mark.long
def test_it_waits_as_long_as_the_instance_says(learn: Learn) -> None:
    """A number of seconds, or a moment, which has passed; a wait of a second or more is announced."""
    instance = ReadInstance()
    waits = [too_many("0"), too_many("Wed, 01 Jan 2020 00:00:00 GMT"), too_many("1")]
    instance.answers["sys_dictionary"] = [*waits, lambda: instance.listed("sys_dictionary")]
    code, printed, notice = learn(instance)
    assert code == 0
    assert notice == "privman-scenarios: waiting 1 s: URL answered 429\n"
    assert f"URL: {len(instance.methods)} requests, all GET" in printed


ENDS = {
    "limit": ("sys_dictionary", [too_many("0")], "429, 10 times: the instance admits no more."),
    "page": (
        "sys_dictionary",
        [page],
        "200 text/html: expected JSON; a hibernating instance, and",
    ),
    "failure": ("sys_choice", [refusal(503)], "503: expected a list of records as result."),
    "log-in that ends": ("sys_choice", [refusal(401)], "401: it refuses the credentials of 'admin'."),
    "half a list": ("sys_choice", [half_a_list], "200: Transaction cancelled: maximum execution time exceeded."),
}


@pytest.mark.parametrize(("table", "answers", "why"), ENDS.values(), ids=ENDS)
def test_an_instance_that_stops_answering_is_named_and_nothing_is_written(
    table: str, answers: list[Any], why: str, learn: Learn, learned_file: Path
) -> None:
    """One line, with what was asked; exit code 3."""
    instance = ReadInstance()
    instance.answers[table] = answers
    code, printed, error = learn(instance)
    assert (code, len(error.splitlines()), learned_file.exists()) == (3, 1, False)
    assert error.startswith(f"privman-scenarios: GET URL/api/now/table/{table} -> {why}")
    assert error.endswith(". Nothing was written.\n")
    assert "requests, all GET" in printed


def test_an_instance_that_is_not_reached_is_named(learned_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line; exit code 3."""
    assert main(["learn", "--servicenow-url", "http://127.0.0.1:1", "--out", str(learned_file)]) == 3
    error = capsys.readouterr().err
    assert error.startswith("privman-scenarios: GET http://127.0.0.1:1/api/now/table/sys_db_object: no connection")
    assert error.count("\n") == 1


def test_a_list_without_an_end_is_given_up(learn: Learn, learned_file: Path) -> None:
    """After a bounded number of rows, or when the same rows come again."""
    instance, number = ReadInstance(), iter(range(10**9))
    rows = ({"sys_id": f"{next(number):032x}"} for _ in iter(int, 1))
    instance.answers["sys_choice"] = [lambda: listing([next(rows) for _ in range(1_000)])]
    code, _, error = learn(instance)
    assert (code, learned_file.exists()) == (3, False)
    assert error.startswith("privman-scenarios: table 'sys_choice': expected less than 20,000 rows of nameIN")
    instance.answers["sys_choice"] = [lambda: listing([{"sys_id": f"{each:032x}"} for each in range(1_000)])]
    code, _, error = learn(instance)
    assert (code, learned_file.exists()) == (3, False)
    assert error.startswith("privman-scenarios: table 'sys_choice': the instance lists the same rows again. Nothing")


def test_pages_may_be_shorter_than_asked_for(learn: Learn) -> None:
    """An instance lists fewer rows than it is asked for, and none where it hides them."""
    instance = ReadInstance()
    rows = [{"sys_id": f"{number:032x}", **row} for number, row in enumerate(instance.tables["sys_dictionary"])]
    half, more = len(rows) // 2, 1_000
    answers = [
        listing([], len(rows) + more),
        listing(rows[:half], len(rows) + more),
        listing(rows[half:], len(rows) - half),
    ]
    instance.answers["sys_dictionary"] = [lambda: answers.pop(0)]
    assert learn(instance)[0] == 0
    assert not answers


def test_a_user_who_may_read_nothing_learns_nothing(learn: Learn, learned_file: Path) -> None:
    """One line; exit code 1, and nothing is written."""
    instance = ReadInstance()
    for table in ("sys_db_object", "sys_dictionary", "sys_choice", "sys_user_role", "sys_properties"):
        instance.answers[table] = [refusal(403, "User Not Authorized")]
    code, _, error = learn(instance)
    assert (code, learned_file.exists()) == (1, False)
    assert error == (
        "privman-scenarios: URL shows no table of the app to this user: sys_db_object was answered with "
        "403: User Not Authorized.\n"
    )
