"""Attacks each server in turn and prints the table."""

from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import hostile
from benchmarks.hostile.attack import PORT, Attack
from benchmarks.hostile.console import CONSOLE, console_sim
from benchmarks.hostile.instance import MOCK, TABLE
from benchmarks.hostile.large import LARGE, large
from benchmarks.hostile.measuring import watched
from benchmarks.servers import mock_servicenow, serve, show

GOAL_MS, GOAL_MIB = 100, 100


@dataclass(frozen=True, slots=True)
class Victim:
    """A server to attack.

    Attributes:
        asked: the path that another caller keeps asking for.
        attacks: by name.
    """

    command: Callable[[], list[str]]
    asked: str
    attacks: dict[str, Attack]


VICTIMS = {
    "large": Victim(large, f"{TABLE}?sysparm_limit=1&sysparm_fields=number", LARGE),
    "mock": Victim(lambda: mock_servicenow(PORT), f"{TABLE}?sysparm_limit=1&sysparm_fields=number", MOCK),
    "console": Victim(console_sim, "/Tms/services/api/version", CONSOLE),
}


def main() -> None:
    """Attack and print the table."""
    parser = ArgumentParser(prog="benchmarks.hostile", description=hostile.__doc__)
    parser.add_argument("victim", nargs="?", choices=VICTIMS, default="mock")
    parser.add_argument("attack", nargs="?", default="", help="part of its name")
    asked = parser.parse_args()
    victim = VICTIMS[asked.victim]
    rows, command = [], victim.command()
    for name, attack in victim.attacks.items():
        if asked.attack not in name:
            continue
        with serve(command, PORT) as server:
            seen = watched(server, victim.asked, attack)
        missed = " *" * (seen.waited > GOAL_MS or seen.memory > GOAL_MIB)
        rows.append([name + missed, f"{seen.waited:.0f} ms", f"{seen.memory:.0f} MiB"])
        print(rows[-1], flush=True)
    show(
        f"One caller attacks (* beyond {GOAL_MS} ms or {GOAL_MIB} MiB)",
        ["attack", "another waits at most", "memory over idle"],
        rows,
    )


if __name__ == "__main__":
    main()
