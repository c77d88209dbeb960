"""``mock-servicenow pull``."""

import re
import sys
from argparse import Namespace
from asyncio import CancelledError
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from mock_servicenow.now_platform.dictionary.dictionary_rows import COLUMNS
from mock_servicenow.now_platform.dictionary.table_files import Definitions
from mock_servicenow.now_platform.errors import SetupError
from mock_servicenow.privilege_manager.tables import AppTables
from mock_servicenow.pull.harmless_words import KEPT, HarmlessWords
from mock_servicenow.pull.page_log import PageLog
from mock_servicenow.pull.pseudonym_rules import COPY, DROP, NEVER, TEXT, PseudonymRule, packaged_rules, read_rules
from mock_servicenow.pull.pseudonyms import Pseudonyms
from mock_servicenow.pull.pulled_files import check_tables, rows_texts, tables_text, write_together
from mock_servicenow.pull.pulled_rows import PulledRows, Sample
from mock_servicenow.pull.pulled_schema import PulledSchema
from mock_servicenow.pull.read_only import ReadOnlyInstance
from mock_servicenow.pull.schema_records import SchemaRecords
from mock_servicenow.pull.treatments import CHOICES, IDENTIFIERS, KEPT_TEXT, Treatments
from privman_contracts import InferredNamesError, WireNames
from privman_core.client_settings import setting_named
from privman_core.clock import RealClock
from privman_core.command_line import Exit, UsageError, complain, disarmed, escaped, say
from privman_core.forward_proxies import forward_proxies
from privman_core.ids import Ids
from privman_core.inputs import reason_of, trust
from privman_core.journal import Journal
from privman_core.masking import Secrets
from privman_core.outbound import LARGEST_ANSWER, HttpAnswer, HttpCaller
from privman_core.regular_files import read_regular
from privman_core.table_reader import RequestJournal, TableReader, UnreadableInstanceError

COMMAND = "mock-servicenow pull"
UNFINISHED = "unfinished-pull.jsonl"
TABLES, DATA, REPORT, SEED, IGNORED = "tables.yaml", "data.yaml", "report.txt", "seed.txt", ".gitignore"
_IN_WORDS = {
    COPY: "copied",
    KEPT_TEXT: "free text, copied but for what is recognised as personal or secret",
    CHOICES: "copied where it is a choice",
    IDENTIFIERS: "copied where it is a sys_id",
    **{kind: f"copied where it is a {noun}, else words" for kind, noun in KEPT.items()},
    NEVER: "not read",
    DROP: "left out",
    TEXT: "left out",
}
_KEPT_TEXT = "--keep-text: free text was copied, with every name and secret in it that was not recognised"
_KEPT = "What has been read is kept: the same command goes on there."
_LOG_INS = ("basic", "api-key")
_MOST_BYTES = 64 * 1024
_NUMBERED = re.compile(r"data-\d+\.yaml")


async def pull(options: Namespace, environment: Mapping[str, str]) -> int:
    """Copy tables and rows of an instance into files and return the exit code; raises UsageError."""
    log_in = _log_in(options)
    try:
        names = WireNames.load(options.inferred)
        own, packaged = read_rules(options.rules) if options.rules else [], packaged_rules(names)
        options.out.mkdir(parents=True, exist_ok=True)
        _keep_out_of_git(options.out)
        seed = _seed(options.seed_file or options.out / SEED)
        journal = RequestJournal(options.journal, RealClock())
    except (InferredNamesError, SetupError) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename}: {reason_of(error)}") from None
    log = PageLog(options.out / UNFINISHED, _fingerprint(options, [*own, *packaged], seed))
    if log.went_on:
        say(f"{log.went_on} {'page' if log.went_on == 1 else 'pages'} of an earlier pull are not read again")
    treatments = Treatments(own, packaged, Pseudonyms(seed), keeps_text=options.keep_text)
    try:
        with closing(log):
            async with _instance(options, environment, log, log_in, journal) as instance:
                return await _pull(instance, names, treatments, log, options)
    except UnreadableInstanceError as error:
        complain(COMMAND, f"{error}. {_KEPT}")
        return Exit.UNREACHABLE
    except CancelledError:
        complain(COMMAND, _KEPT)
        raise
    except (OSError, SetupError) as error:
        raise UsageError(f"{options.out}: {reason_of(error) if isinstance(error, OSError) else error}") from None


@asynccontextmanager
async def _instance(
    options: Namespace,
    environment: Mapping[str, str],
    log: PageLog,
    log_in: tuple[Mapping[str, str], str],
    journal: RequestJournal,
) -> AsyncIterator[ReadOnlyInstance]:
    """Yield the instance; shows progress meanwhile."""
    clock, (log_in_headers, user) = RealClock(), log_in
    url, headers = options.servicenow_url, {"Accept": "application/json", "Accept-Encoding": "gzip", **log_in_headers}
    caller = HttpCaller(
        clock,
        Journal(clock, Secrets(), lambda _exchange: (), kept_exchanges=1),
        COMMAND.replace(" ", "-"),
        trusted=trust(options.ca_file),
        proxies=forward_proxies(environment),
        largest=LARGEST_ANSWER,
    )

    async def get(path: str) -> HttpAnswer:
        return await caller.send("GET", f"{url}{path}", headers, b"", options.timeout)

    try:
        with _progress() as tell:
            reader = TableReader(url, get, user=user, journal=journal, clock=clock, tell=tell)
            yield ReadOnlyInstance(reader, log, tell)
    finally:
        await caller.aclose()
        await clock.aclose()


async def _pull(
    instance: ReadOnlyInstance,
    names: WireNames,
    treatments: Treatments,
    log: PageLog,
    options: Namespace,
) -> Exit:
    sample = Sample(options.tables, options.rows, dict(options.query), options.follow)
    folder, definitions = options.out, Definitions.packaged()
    definitions.add(AppTables(names).definitions())
    base = definitions.dictionary
    records = SchemaRecords(instance, treatments, HarmlessWords(base, ()))
    schema = PulledSchema(records, base)
    found = await schema.read(sample.tables)
    if lacking := [name for name in sample.tables if name not in found]:
        shown = ", ".join(map(repr, lacking))
        raise UsageError(f"--tables: the instance has no table {shown}, or does not show it to {instance.user}")
    rows = PulledRows(instance, schema, treatments, base)
    await rows.read(sample)
    await schema.read_displays()
    tables, defined = tables_text(base, schema.dictionary())
    by_table = rows.by_table()
    hidden = [f"table '{table}': {count} rows are hidden from the user" for table, count in instance.hidden.items()]
    kept_text = [_KEPT_TEXT] * options.keep_text
    reported = [
        *kept_text,
        *schema.lines,
        *rows.lines,
        *hidden,
        *treatments.lines,
        *treatments.unused(),
        *_treated(rows.treated),
    ]
    lines = [disarmed(escaped(line)) for line in reported]  # they have words of the instance
    texts = {TABLES: tables, **_numbered(rows_texts(by_table)), REPORT: "".join(f"{line}\n" for line in lines)}
    _write(folder, texts, definitions)
    log.end()
    for line in lines:
        say(line)
    data = [name for name in texts if name not in {TABLES, REPORT}]
    count = Counter({table: len(each) for table, each in by_table.items()})
    say(f"{count.total()} rows of {len(count)} tables, {defined} tables defined or changed: {folder}")
    files = " ".join(f"--data {folder / name}" for name in data)
    inferred = f"--inferred {options.inferred} " if options.inferred else ""
    say(f"mock-servicenow serve {inferred}--tables {folder / TABLES} {files}")
    unread = schema.without_columns & {each for name in sample.tables for each in records.lineage(name)}
    return Exit.FAILURE if rows.refused or unread or COLUMNS in instance.hidden else Exit.SUCCESS


def _write(folder: Path, texts: Mapping[str, str], definitions: Definitions) -> None:
    write_together(folder, texts, lambda written: check_tables(written / TABLES, definitions.copy()))
    earlier = (file for file in folder.iterdir() if _NUMBERED.fullmatch(file.name) and file.name not in texts)
    for old in [*earlier]:  # of a pull of more rows
        old.unlink()


def _numbered(texts: Iterable[str]) -> dict[str, str]:
    stem, dot, ending = DATA.partition(".")
    return {DATA if number == 1 else f"{stem}-{number}{dot}{ending}": text for number, text in enumerate(texts, 1)}


def _treated(treated: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Yield a line for each way in which columns were treated, and each table."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for (table, name), kind in treated.items():
        by_kind.setdefault((table, _IN_WORDS.get(kind, kind)), []).append(name)
    for (table, kind), names in sorted(by_kind.items()):
        yield f"table '{table}': {kind}: {', '.join(sorted(names))}"


def _log_in(options: Namespace) -> tuple[Mapping[str, str], str]:
    """Return the headers that log in, and whom, in words; raises UsageError."""
    found = options.settings
    kind = found["servicenow_auth"].value
    if kind not in _LOG_INS:
        asks = "asks for a token or needs a certificate, and pull sends GET requests alone"
        raise UsageError(f"{found['servicenow_auth'].where}: {kind!r} {asks}; expected one of {', '.join(_LOG_INS)}")
    if kind == "api-key":
        key = found["servicenow_api_key"]
        if not key.value:
            raise UsageError(setting_named("servicenow_api_key").missing())
        return {"x-sn-apikey": key.value}, f"the API key from {key.where}"
    user, password = found["servicenow_user"].value, found["servicenow_password"]
    login = b64encode(f"{user}:{password.value}".encode()).decode()
    return {"Authorization": f"Basic {login}"}, f"user {user!r} with the password from {password.where}"


def _seed(file: Path) -> str:
    """Return the seed in a file, which is made with a new one if it is not there; raises OSError and UsageError."""
    try:
        seed = read_regular(file, _MOST_BYTES).decode(errors="replace").strip()
    except FileNotFoundError:
        seed = Ids().token()
        file.touch(0o600)
        file.write_text(f"{seed}\n", encoding="utf-8")
    if not seed:
        raise UsageError(f"{file} is empty; expected a seed, or no file to make one")
    return seed


def _keep_out_of_git(folder: Path) -> None:
    """Make git ignore the seed and the file of an unfinished pull, unless the folder has a file for that."""
    with suppress(FileExistsError), (folder / IGNORED).open("x", encoding="utf-8") as file:
        file.write(f"/{SEED}\n/{UNFINISHED}\n")


def _fingerprint(options: Namespace, rules: Iterable[PseudonymRule], seed: str) -> dict[str, object]:
    """Return what decides which pages are read and what is kept of them."""
    digest = sha256(f"{list(rules)}{seed}".encode()).hexdigest()
    named = ("servicenow_url", "tables", "rows", "query", "follow", "keep_text")
    user = [options.settings[name].value for name in ("servicenow_auth", "servicenow_user")]
    return {"version": 4, "rules": digest, "user": user, **{name: getattr(options, name) for name in named}}


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Yield what shows a line of progress on a terminal; nothing is shown elsewhere."""
    shown = sys.stderr.isatty()

    def tell(text: str) -> None:
        if shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    try:
        yield tell
    finally:
        tell("")
