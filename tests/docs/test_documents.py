"""Every example of the documents is carried out and prints what the document says."""

import ast
import doctest
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OTHERS = [ROOT / name for name in ("SECURITY.md", "CHANGELOG.md", "ARCHITECTURE.md", "CONTRIBUTING.md")]
PAGES = [*DOCUMENTS, *OTHERS, *sorted(ROOT.glob("[a-z]*/README.md"))]
# The ports that the documents use; each test takes free ones instead, so that tests may run beside each other.
PORTS = ("8080", "8090")
LENIENT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
OWN = ("mock_servicenow", "console_sim", "privman_contracts", "privman_core", "privman_scenarios")
MODULES_OF_HARNESS = (*OWN, "aiohttp", "hypothesis", "pytest")
FILE = re.compile(r"(?:#(?: file:)?|<!--) ([\w./-]+\.(?:py|yaml|yml|ini|toml|json|xml))(?: -->)?\n")


@dataclass(frozen=True)
class Command:
    """A command of a document and what it prints."""

    line: int
    text: str
    printed: str

    @property
    def serves(self) -> bool:
        """Whether it runs until it is stopped."""
        return " serve" in self.text


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    line: int
    language: str
    text: str

    def file(self) -> str | None:
        """Return the name of the file that it shows, which stands in a comment of its first line."""
        named = FILE.match(self.text)
        return named and named[1]

    def commands(self) -> Iterator[Command]:
        """Yield the commands of a console; a line that is indented by four goes on with the command before."""
        for number, part in enumerate(re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]):
            command, *printed = re.split(r"\n(?!    )", part, maxsplit=1)
            yield Command(self.line + number, command, "".join(printed))


def blocks(document: Path) -> list[Block]:
    """Return the fenced blocks of a document."""
    tokens = MarkdownIt().parse(document.read_text())
    fences = [token for token in tokens if token.type == "fence" and token.map]
    return [Block(token.map[0] + 1, token.info.strip(), token.content) for token in fences if token.map]


class Shell:
    """Where the commands of one document are carried out, one after the other."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._serving: dict[str, subprocess.Popen[str]] = {}
        self._ports = {port: free_port() for port in PORTS}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**os.environ, "PATH": path, "COLUMNS": "120", "PYTHONSAFEPATH": "1"}

    def save(self, name: str, text: str) -> None:
        """Save a file that the document shows."""
        file = self._folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._here(text))

    def run(self, command: Command) -> str:
        """Return what a command prints; of one that serves, as many lines as the document shows."""
        if command.serves:
            return self._there(self._serve(command))
        done = subprocess.run(  # noqa: S603 - the project's own documents
            ["/bin/bash", "-c", self._here(command.text)],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return self._there(done.stdout)

    def _serve(self, command: Command) -> str:
        """Start a server; one that serves the same address ends, as a reader would have to end it."""
        address = f"{command.text.split()[0]} {''.join(re.findall(r'--port [0-9]+', command.text))}"
        if address in self._serving:
            self._serving[address].terminate()
            self._serving[address].wait()
        process = subprocess.Popen(  # noqa: S603 - the project's own documents
            ["/bin/bash", "-c", f"exec {self._here(command.text)}"],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._serving[address] = process
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        assert process.stdout is not None
        self._stack.enter_context(process.stdout)
        return "".join(process.stdout.readline() for _ in range(max(1, command.printed.count("\n"))))

    def _here(self, text: str) -> str:
        for documented, free in self._ports.items():
            text = text.replace(f":{documented}", f":{free}").replace(f"--port {documented}", f"--port {free}")
            text = text.replace("mock-servicenow serve", f"mock-servicenow serve --port {self._ports['8080']}")
            text = text.replace("console-sim serve", f"console-sim serve --port {self._ports['8090']}")
        return text

    def _there(self, text: str) -> str:
        for documented, free in self._ports.items():
            text = text.replace(free, documented)
        return text


def free_port() -> str:
    """Return a port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def example(document: Path) -> ParameterSet:
    """Return a parameter; how-tos take long, since they play whole suites."""
    marks = pytest.mark.long if document.parent.name in {"how-to", "explanation"} else ()
    return pytest.param(document, marks=marks, id=str(document.relative_to(ROOT)))


@pytest.mark.skipif(shutil.which("curl") is None, reason="the documents speak to the servers with curl")
@pytest.mark.parametrize("document", [*map(example, DOCUMENTS)])
def test_document(document: Path, tmp_path: Path) -> None:
    """The commands of a document print what it shows, with the files that it shows; ``...`` stands for anything."""
    checker = doctest.OutputChecker()
    with ExitStack() as stack:
        shell = Shell(tmp_path, stack)
        for block in blocks(document):
            if name := block.file():
                shell.save(name, block.text)
            for command in block.commands() if block.language == "console" else ():
                got = shell.run(command)
                if not checker.check_output(f"{command.printed.strip()}\n", f"{got.strip()}\n", LENIENT):
                    pytest.fail(f"{document}:{block.line}: $ {command.text}\n{got}", pytrace=False)


def test_powershell_has_the_same_commands() -> None:
    """README's block for Windows is its first command line."""
    shown = blocks(ROOT / "README.md")
    [first, *_], [windows] = (
        [block.text for block in shown if block.language == name] for name in ("sh", "powershell")
    )
    there = first.strip().replace("python3", "py").replace(".venv/bin/", ".venv\\Scripts\\")
    assert windows.splitlines() == there.split(" && ")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links name a file of a clone, and a heading of it if they have an anchor."""
    broken = [link for link in links(page) if not leads_somewhere(page, link)]
    assert broken == []


def links(page: Path) -> list[str]:
    """Return the relative links of a page."""
    inline = [token for token in MarkdownIt().parse(page.read_text()) if token.type == "inline"]
    found = [child.attrGet("href") or child.attrGet("src") for token in inline for child in token.children or []]
    images = re.findall(r'<img src="([^"]+)"', page.read_text())
    return [str(link) for link in [*found, *images] if link and "://" not in str(link)]


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether the file, and the heading in it, exist."""
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs write them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_modules_that_a_page_names_exist(page: Path) -> None:
    """Each `name.py` in the text is the end of a path in the repository."""
    inline = [token for token in MarkdownIt().enable("table").parse(page.read_text()) if token.type == "inline"]
    code = [child.content for token in inline for child in token.children or [] if child.type == "code_inline"]
    named = {name for text in code for name in re.findall(r"[\w/]*\w\.py\b", text)}
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in modules())] == []


@cache
def modules() -> list[str]:
    """Return the paths of the repository's modules, each from its root."""
    folders = [each for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith(".")]
    return [f"/{path.relative_to(ROOT)}" for folder in folders for path in folder.rglob("*.py")]


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_says_how_to_install_what_its_examples_import(page: Path) -> None:
    """Each module that neither Python nor the extra ``harness`` brings is named in a ``pip install``."""
    shown = blocks(page)
    modules = {(block.file() or "").removesuffix(".py") for block in shown}
    imported = {name for block in shown if block.language == "python" for name in top_modules(block.text)}
    brought = {*sys.stdlib_module_names, *modules, *MODULES_OF_HARNESS}
    lacking = [name for name in sorted(imported - brought) if f"pip install {name}`" not in page.read_text()]
    assert lacking == []


def top_modules(code: str) -> set[str]:
    """Return the modules at the top that Python code imports."""
    nodes = [*ast.walk(ast.parse(code))]
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    whole = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in (*plain, *whole)}
