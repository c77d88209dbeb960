"""The pages under reference/, made from the code each time the documents are built (a hook of MkDocs)."""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from privman_contracts import WireNames
from privman_contracts.evidence import MEANING, load_pages
from privman_scenarios.commands.cli import COMMANDS
from privman_scenarios.decision import Decision, DecisionDelivery
from privman_scenarios.fixtures import ConsoleFixture, ServiceNowFixture, WorldFixture
from privman_scenarios.party_fixture import ClockFixture, FaultsFixture
from privman_scenarios.playing.verbs import vocabulary
from privman_scenarios.user_fixture import UserFixture

SERVERS = ("mock-servicenow serve", "mock-servicenow schema", "console-sim serve", "console-sim setup")

FIXTURES = {
    "servicenow": ServiceNowFixture,
    "console": ConsoleFixture,
    "world": WorldFixture,
    "clock": ClockFixture,
    "faults": FaultsFixture,
    "servicenow.approver": UserFixture,
    "servicenow.decision(…)": Decision,
    "servicenow.decision(…).delivered()": DecisionDelivery,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for page in (commands, steps, methods, inferred, tables, messages):
        files.append(File.generated(config, f"reference/{page.__name__}.md", content="\n".join(page())))
    return files


def commands() -> Iterator[str]:
    """Yield what each command says of itself."""
    yield "# Commands"
    for command in [*SERVERS, "privman-scenarios", *(f"privman-scenarios {name}" for name in COMMANDS)]:
        program, *rest = command.split()
        said = subprocess.run(  # noqa: S603 - our own commands
            [Path(sys.executable).with_name(program), *rest, "--help"], capture_output=True, check=True, text=True
        )
        yield from ("", f"## `{command}`", "", "```text", said.stdout.rstrip(), "```")


def steps() -> Iterator[str]:
    """Yield the verbs of the scenarios with their arguments."""
    yield "# Steps of a scenario"
    for verb in vocabulary():
        yield from ("", f"## `{verb.name}`", "", verb.doc, "")
        for argument in verb.arguments:
            yield f"- `{argument.name}`{' (required)' if argument.required else ''}: {argument.doc}"


def methods() -> Iterator[str]:
    """Yield the attributes and methods of the pytest fixtures."""
    yield "# Fixtures of pytest"
    for name, kind in FIXTURES.items():
        yield from ("", f"## `{name}`", "", *table(("Attribute or call", "Meaning")))
        yield from (row(f"`{name}.{each}`", meaning) for each, meaning in _attributes(kind))
        for each, member in sorted(inspect.getmembers(kind)):
            if not each.startswith("_") and member.__doc__:
                yield row(f"`{name}.{each}{_parameters(member)}`", member.__doc__.partition("\n")[0])


def _attributes(kind: type) -> Iterator[tuple[str, str]]:
    """Yield the attributes that the docstrings of a class and its bases list, with their meaning."""
    for each in kind.__mro__[:-1]:
        listed = inspect.cleandoc(each.__doc__ or "").partition("Attributes:\n")[2]
        for entry in re.split(r"\n {4}(?=\S)", f"\n{listed.rstrip()}")[1:]:
            name, _, meaning = " ".join(entry.split()).partition(": ")
            yield name, meaning


def _parameters(member: object) -> str:
    """Return the parameters of a method as they are called, without types; nothing for an attribute."""
    if not callable(member):
        return ""
    _, *named = inspect.signature(member).parameters.values()  # without self
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in named]
    return str(inspect.Signature(bare)).replace("mappingproxy({})", "{}")


def inferred() -> Iterator[str]:
    """Yield every spelling and rule that `--inferred FILE` may replace."""
    yield "# Names and rules on the wire"
    yield from ("", "The evidence of each is one of these:", "", *table(("Mark", "Meaning")))
    yield from (row(mark, meaning) for mark, meaning in MEANING.items())
    yield from ("", *table(("Name", "On the wire", "Evidence", "Source", "Holds", "Labels")))
    for name in WireNames.load():
        yield row(f"`{name.path}`", f"`{name.value}`", name.evidence, name.source, name.holds, ", ".join(name.labels))
    yield from ("", "The sources of the contracts:", "", *table(("Source", "Evidence", "Where")))
    yield from (row(page.name, page.mark, page.at) for page in load_pages().values())


def tables() -> Iterator[str]:
    """Yield the tables that every instance has, with their columns."""
    yield "# Tables"
    for file in sorted(
        (resources.files("mock_servicenow.now_platform") / "tables").iterdir(), key=lambda each: each.name
    ):
        for described in yaml.safe_load(file.read_text(encoding="utf-8")):
            yield from one_table(described)


def one_table(described: dict[str, Any]) -> Iterator[str]:
    """Yield a table of the dictionary."""
    yield from ("", f"## `{described['name']}`", "", described.get("label", ""), "")
    if "extends" in described:
        yield from (f"Extends `{described['extends']}`.", "")
    yield from table(("Column", "Type", "Refers to"))
    for name, column in (described.get("columns") or {}).items():
        kind = column.get("type", "reference" if "reference" in column else "string")
        yield row(f"`{name}`", kind, column.get("reference", ""))


def messages() -> Iterator[str]:
    """Yield the exchanges between the console and ServiceNow."""
    index = yaml.safe_load((resources.files("privman_contracts") / "index.yaml").read_text(encoding="utf-8"))
    yield from ("# Messages", "", *table(("Exchange", "Asked by", "Request", "Answers")))
    for exchange in index["exchanges"]:
        asked = f"`{'`, `'.join(exchange['method'])}` `{exchange['path']}`"
        answers = ", ".join(str(status) for status in exchange["answers"])
        yield row(f"{exchange['summary']}: {asked}", exchange["caller"], exchange.get("request", ""), answers)
    yield from ("", "Messages that are posted to any address:", "", *table(("Message", "Posted by", "Body")))
    for webhook in index["webhooks"]:
        yield row(webhook["summary"], webhook["sender"], webhook["message"])


def table(headings: Iterable[str]) -> Iterator[str]:
    """Yield the head of a table."""
    names = list(headings)
    yield row(*names)
    yield row(*["---"] * len(names))


def row(*cells: str) -> str:
    """Return one row of a table."""
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"
