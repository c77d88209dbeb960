"""Mutates the source, one place at a time, and counts which changes the tests of an area notice.

    tox -e mutation                                          # every mutant of every area, which takes hours
    tox -e mutation -- --area query --sample 150 --seed 1    # 150 mutants of one area, drawn by the seed
    tox -e mutation -- --area query --module mock_servicenow/now_platform/query/parser.py

``[tool.mutation]`` in pyproject.toml names the areas and their tests. One run of these tests records which of them
execute which line. A mutant meets the tests that execute its statement, fastest first, until one fails or twenty
seconds have passed. What runs while its module is imported meets the tests that execute a line that mentions what it
binds; what runs in a fixture that tests share meets every test. What no test executes survives. All of it happens in
clones of the last commit, so that a run that is killed leaves nothing changed.

The mutants are cosmic-ray's, reduced to those that say something about the tests:

- Each operator is replaced by one counterpart (``==`` by ``!=``, ``+`` by ``-``), an order by its negation and its
  neighbour (``<`` by ``>=`` and ``<=``). Most of cosmic-ray's ten others per operator only raise TypeError.
- What changes nothing that runs is left out: annotations, imports for type checkers, decorators that only inform type
  checkers or only cache, and ``frozen`` and ``slots`` of a dataclass or struct, which only forbid.
- What is not valid Python is left out.
"""

import argparse
import ast
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import unified_diff
from importlib import import_module
from importlib.util import cache_from_source
from itertools import accumulate, islice
from multiprocessing import get_context
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, Self

import coverage
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

CHECKOUT = Path(__file__).parent.parent
ROOTS = ("contracts", "scenarios", ".")
# What takes long to import and is never mutated: imported once, before the processes of the mutants part.
HEAVY = ("aiohttp.test_utils", "jinja2", "jsonschema", "msgspec", "rich.console", "sqlalchemy", "trustme")
PYTEST = ("-q", "-x", "-p", "no:schemathesis", "-p", "no:cacheprovider", "--basetemp", "tmp")
OUTPUT = "output.txt"
LONGEST = 20.0  # seconds of tests that a mutant meets
PATIENCE = 30.0  # seconds that a test may take more than ten times its usual time
IRRELEVANT_DECORATORS = {"abstractmethod", "cache", "final", "lru_cache", "overload", "override"}
PAIRS = {
    "Binary": "Add_Sub Sub_Add Mul_FloorDiv Div_Mul FloorDiv_Mul Mod_Mul Pow_Mul RShift_LShift LShift_RShift"
    " BitOr_BitAnd BitAnd_BitOr BitXor_BitAnd",
    "Comparison": "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot IsNot_Is",
    "Unary": "USub_UAdd Delete_Invert Delete_Not",
}
OPERATORS = (
    *(f"Replace{kind}Operator_{pair}" for kind, pairs in PAIRS.items() for pair in pairs.split()),
    *("AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer"),
    *("RemoveDecorator", "ZeroIterationForLoop"),
)
Outcome = Literal["killed", "timed out", "survived", "not executed"]


@dataclass(frozen=True, slots=True)
class Area:
    """Modules that are mutated together, and the tests that must notice; files and folders."""

    name: str
    modules: Sequence[str]
    tests: Sequence[str]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module."""

    module: str
    line: int
    operator: str
    occurrence: int

    def source(self) -> str:
        """Return the module's text with the change."""
        return str(mutate_code(_text(self.module), get_operator(f"core/{self.operator}")(), self.occurrence))

    def __str__(self) -> str:
        lines = unified_diff(_text(self.module).splitlines(), self.source().splitlines(), n=0, lineterm="")
        changed = [f"  {line[0]} {line[1:].strip()}" for line in islice(lines, 2, None) if line[0] in "+-" and line[1:]]
        return "\n".join([f"{self.module}:{self.line} {self.operator}", *changed])


@dataclass(frozen=True, slots=True)
class Executed:
    """Which tests execute which lines of which module, and how many seconds each test takes."""

    tests: Mapping[str, Mapping[int, Sequence[str]]]
    seconds: Mapping[str, float]

    def by(self, mutant: Mutant) -> dict[str, float]:
        """Return the tests that can notice the mutant, fastest first, and how long they take; `LONGEST` in all."""
        statement = Statement.at(mutant.line, ast.parse(_text(mutant.module)))
        found = self._of(mutant.module, statement.lines)
        if statement.imported:
            found = self._mentioning(statement.names) - {""}
        if "" in found or (statement.imported and not found):
            found = set(self.seconds)
        tests = sorted(found, key=self.seconds.__getitem__)
        ends = accumulate(self.seconds[test] for test in tests)
        return {
            test: self.seconds[test] for test, end in zip(tests, ends, strict=True) if test == tests[0] or end < LONGEST
        }

    def _of(self, module: str, lines: Iterable[int]) -> set[str]:
        return {test for line in lines for test in self.tests.get(module, {}).get(line, ())}

    def _mentioning(self, names: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for module in self.tests if names else ():
            texts = enumerate(_text(module).splitlines(), 1)
            found |= self._of(module, [line for line, text in texts if re.search(rf"\b({'|'.join(names)})\b", text)])
        return found


@dataclass(frozen=True, slots=True)
class Statement:
    """The statement at a line, without its body.

    Attributes:
        imported: whether it runs while its module is imported.
        names: what it binds.
    """

    lines: range
    imported: bool
    names: Sequence[str]

    @classmethod
    def at(cls, line: int, module: ast.Module) -> Self:
        """Return the statement at this line of the module."""
        found = cls(range(line, line + 1), imported=True, names=())
        for node in ast.walk(module):  # from the outermost on
            if not isinstance(node, ast.stmt) or (node.end_lineno or 0) < line:
                continue
            first = min(each.lineno for each in (node, *getattr(node, "decorator_list", ())))
            body = getattr(node, "body", None)
            last = max(body[0].lineno - 1, node.lineno) if body else node.end_lineno or 0
            if first <= line <= last:
                found = cls(range(first, last + 1), found.imported, _bound(node))
            elif node.lineno <= line and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found = replace(found, imported=False)
        return found


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]


def main() -> None:
    """Mutate what the options name."""
    areas = _areas()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--area", choices=areas, help="only this area")
    parser.add_argument("--module", metavar="PATH", help="only this file or folder of the area")
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants of an area (all)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="draws the sample (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes (one a core)")
    options = parser.parse_args()
    if options.module and not options.area:
        parser.error("--module requires --area")
    for name in HEAVY:
        import_module(name)
    with tempfile.TemporaryDirectory(prefix="mutation") as folder:
        _move_into_clone(folder)
        for area in [areas[options.area]] if options.area else areas.values():
            mutants = list(_mutants([options.module] if options.module else area.modules))
            drawn = _drawn(mutants, options.sample or len(mutants), options.seed)
            with ProcessPoolExecutor(options.jobs, get_context("fork"), _move_into_clone, (folder,)) as pool:
                _report(area, len(mutants), _outcomes(area, drawn, pool))


def _areas() -> Mapping[str, Area]:
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        tables = tomllib.load(file)["tool"]["mutation"]
    return {name: Area(name, **table) for name, table in tables.items()}


def _mutants(paths: Sequence[str]) -> Iterator[Mutant]:
    for module in (found for path in paths for found in sorted(Path(path).rglob("*.py")) or [Path(path)]):
        tree = get_ast(_text(str(module)))
        for name in OPERATORS:
            operator = get_operator(f"core/{name}")()
            places = [start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
            yield from (Mutant(str(module), line, name, number) for number, (line, _) in enumerate(places))


def _drawn(mutants: Sequence[Mutant], most: int, seed: int) -> list[Mutant]:
    """Draw at most so many of the mutants that matter; an edit changes the lots of the lines that it touches alone."""
    alike: Counter[tuple[str, str, str]] = Counter()
    lots: list[tuple[float, Mutant]] = []
    for each in mutants:
        place = (each.module, _text(each.module).splitlines()[each.line - 1].strip(), each.operator)
        alike[place] += 1
        lots.append((random.Random(f"{seed} {place} {alike[place]}").random(), each))  # noqa: S311 - no secret
    matter = (each for _, each in sorted(lots, key=itemgetter(0)) if _matters(each))
    return list(islice(matter, most))


def _matters(mutant: Mutant) -> bool:
    try:
        return _effect(mutant.source()) != _effect(_text(mutant.module))
    except (SyntaxError, AttributeError):  # the latter of cosmic-ray, which cannot change ``except module.Error``
        return False


def _effect(text: str) -> str:
    """Return what the source does, without what changes nothing that runs."""
    return ast.dump(_Effect().generic_visit(ast.parse(text)))


class _Effect(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST | None:
        """Drop annotations, imports for type checkers, decorators that change no result, and what only forbids."""
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return None
        for name in {"annotation", "returns"} & set(node._fields):
            setattr(node, name, None)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "dataclass":
            node.keywords = [each for each in node.keywords if each.arg not in {"frozen", "slots"}]
        if isinstance(node, ast.ClassDef):  # a struct
            node.keywords = [each for each in node.keywords if each.arg != "frozen"]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = {each: ast.unparse(each).partition("(")[0].rpartition(".")[2] for each in node.decorator_list}
            node.decorator_list = [each for each, name in names.items() if name not in IRRELEVANT_DECORATORS]
        return self.generic_visit(node)


def _outcomes(area: Area, mutants: Sequence[Mutant], pool: ProcessPoolExecutor) -> Iterator[tuple[Mutant, Outcome]]:
    """Yield what became of each mutant."""
    executed = pool.submit(_measure, area).result()
    print(f"{area.name}: {len(executed.seconds)} tests, {sum(executed.seconds.values()):.0f} s", flush=True)
    yield from zip(mutants, pool.map(_meet, mutants, map(executed.by, mutants)), strict=True)


def _report(area: Area, total: int, outcomes: Iterator[tuple[Mutant, Outcome]]) -> None:
    """Print the mutants that survive, and the share of the others."""
    counted: Counter[Outcome] = Counter()
    for mutant, outcome in outcomes:
        counted[outcome] += 1
        if outcome in {"survived", "not executed"}:
            print(f"{outcome}: {mutant}", flush=True)
    met = sum(counted.values())
    share = (counted["killed"] + counted["timed out"]) / met if met else 1
    print(f"{area.name}: {share:.1%} of {met} mutants noticed ({total} positions); {dict(counted)}", flush=True)


def _move_into_clone(folder: str) -> None:
    """Let this process read, import and start what is in a clone of its own."""
    clone = Path(folder, f"checkout{os.getpid()}")
    subprocess.run(["git", "clone", "-q", str(CHECKOUT), str(clone)], check=True)  # noqa: S603, S607 - our own
    os.chdir(clone)
    roots = [str(clone / root) for root in ROOTS]
    sys.path[:] = [*roots, *(path for path in sys.path if path and path != str(CHECKOUT))]
    os.environ.pop("PYTHONSAFEPATH", None)
    os.environ["PYTHONPATH"] = os.pathsep.join(roots)
    # What is compiled once is kept, in a folder that goes with the clone.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(clone / "compiled")


def _measure(area: Area) -> Executed:
    """Run the tests of the area once."""
    result = Path("executed.pickle").absolute()
    code = _in_child(lambda: _record(area, result))
    if code:
        raise SystemExit(f"the tests of {area.name} fail without any change:\n{_text(OUTPUT)}")
    executed: Executed = pickle.loads(result.read_bytes())  # noqa: S301 - our own
    return executed


def _record(area: Area, result: Path) -> int:
    config = Path("mutation.coveragerc").absolute()
    include = "\n  ".join(f"{module}/*" if Path(module).is_dir() else module for module in area.modules)
    config.write_text(
        "[run]\nparallel = true\nsigterm = true\npatch = subprocess, _exit\ncontext = ${RUNNING_TEST}\n"
        f"data_file = {result.with_suffix('.coverage')}\ninclude =\n  {include}\n",
        encoding="utf-8",
    )
    os.environ |= {"RUNNING_TEST": "", "COVERAGE_PROCESS_START": str(config)}
    measured = coverage.Coverage(config_file=str(config))
    measured.start()
    recorder = _Recorder(measured)
    code = pytest.main([*PYTEST, *area.tests], plugins=[recorder])
    measured.stop()
    measured.save()
    measured.combine()
    data = measured.get_data()
    tests = {os.path.relpath(file): data.contexts_by_lineno(file) for file in data.measured_files()}
    result.write_bytes(pickle.dumps(Executed(tests, recorder.seconds)))
    return int(code)


class _Recorder:
    """A plugin that notes which test runs, in this process and in those that it starts."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.seconds: dict[str, float] = {}
        self._measured = measured

    def _switch(self, test: str) -> str:
        before, os.environ["RUNNING_TEST"] = os.environ["RUNNING_TEST"], test
        self._measured.switch_context(test)
        return before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._switch(item.nodeid)
        start = time.perf_counter()
        result = yield
        self.seconds[item.nodeid] = time.perf_counter() - start
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        test = self._switch("") if fixturedef.scope != "function" else None
        result = yield
        if test is not None:
            self._switch(test)
        return result


def _meet(mutant: Mutant, tests: Mapping[str, float]) -> Outcome:
    """Change the module, and run the tests until one fails."""
    if not tests:
        return "not executed"
    original = _text(mutant.module)
    _write(mutant.module, mutant.source())
    try:
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        code = _in_child(lambda: int(pytest.main([*PYTEST, *files], plugins=[_Chosen(tests)])))
    finally:
        _write(mutant.module, original)
    return "timed out" if code == -signal.SIGALRM else "killed" if code else "survived"


class _Chosen:
    """A plugin that keeps these tests alone, in this order, and ends the process when one takes too long."""

    def __init__(self, tests: Mapping[str, float]) -> None:
        self._tests = tests
        signal.alarm(int(2 * PATIENCE))  # for what is imported

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = {item.nodeid: item for item in items}
        items[:] = [found[test] for test in self._tests]

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        signal.alarm(int(PATIENCE + 10 * self._tests[item.nodeid]))


def _in_child(work: Callable[[], int]) -> int:
    """Do something in a process that ends with it, and with all that it has started, and return the exit code."""
    child = os.fork()
    if not child:
        os.setsid()
        os.dup2(os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        sys.setrecursionlimit(sys.getrecursionlimit() + len(traceback.extract_stack()))  # tests begin as deep as usual
        code = 70
        try:
            code = work()
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as its parent
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return code


def _text(module: str) -> str:
    return Path(module).read_text(encoding="utf-8")


def _write(module: str, text: str) -> None:
    Path(module).write_text(text, encoding="utf-8")
    Path(cache_from_source(module)).unlink(missing_ok=True)  # it might be as old and as long


if __name__ == "__main__":
    main()
