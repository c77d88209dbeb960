"""What the two fakes know: tables, roles, releases, faults, rules of findings and the steps of a set-up."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import chain
from pathlib import Path

from console_sim.setup_names import DEFAULT_POLICY
from console_sim.setup_parameters import DEFAULT_SYSTEM_NAME
from console_sim.setup_steps import STEPS
from mock_servicenow.conditions import CONDITIONS
from mock_servicenow.now_platform.dictionary.definitions import DictionaryError
from mock_servicenow.now_platform.dictionary.dictionary import Dictionary
from mock_servicenow.now_platform.dictionary.located_files import load_file, yaml_files
from mock_servicenow.now_platform.dictionary.table_files import load_dictionary
from mock_servicenow.now_platform.provisioning.row_files import packaged_rows
from mock_servicenow.now_platform.release_profile import ReleaseProfile
from mock_servicenow.privilege_manager.tables import AppTables
from privman_contracts import PartyName, WireNames
from privman_core.fault_kinds import GENERIC
from privman_core.faults import FaultKinds, Option
from privman_scenarios.errors import UnusableFileError
from privman_scenarios.language.model import FileTables

_REPORTED = re.compile(r'(?:"swallowed",|swallowed\(|report\()\s*"([a-z-]+)"')


def faults_of_posts() -> dict[PartyName, list[str]]:
    """Return the kinds of faults of each party that may strike a message that is posted to it."""
    return {party: kinds.striking_posts for party, kinds in _faults().items()}


def fault_options() -> dict[PartyName, dict[str, Mapping[str, Option]]]:
    """Return the kinds of faults of each party, with the options of each."""
    return {party: {name: kind.options for name, kind in kinds.items()} for party, kinds in _faults().items()}


def holding_faults() -> frozenset[str]:
    """Return the kinds of faults of either party that only hold the true answer back."""
    return frozenset().union(*(kinds.holding for kinds in _faults().values()))


def _faults() -> Mapping[PartyName, FaultKinds]:
    return {"servicenow": FaultKinds(GENERIC | CONDITIONS), "console": GENERIC}


@cache
def servicenow_roles() -> tuple[str, ...]:
    """Return the roles that the fake comes with, those of the app in their packaged spelling."""
    platform = (load_file(file)[0] for file in yaml_files(packaged_rows()))
    rows = [row for content in platform for row in content.get("sys_user_role", ())]
    return (*WireNames.load().group("roles").values(), *(row["name"] for row in rows))


@cache
def servicenow_tables() -> Mapping[str, tuple[str, ...]]:
    """Return the columns of each table that every instance has and REST reaches."""
    return _columns_by_table(load_dictionary())


def tables_of_files(files: Sequence[Path], inferred: Path | None, *, on_mock: bool) -> FileTables:
    """Return the columns of each table that these files define or change, and REST reaches.

    The app's tables and their columns go by their canonical names. An instance that is no mock has more columns than
    files say: none are returned then. Raises UnusableFileError.
    """
    if not files:
        return {}
    names = WireNames.load(inferred)
    app = AppTables(names).definitions()
    try:
        changed = _columns_by_table(load_dictionary(*files, tables=app))
    except DictionaryError as error:
        raise UnusableFileError(str(error)) from None
    except OSError as error:
        raise UnusableFileError(f"{error.filename}: {error.strerror}") from None
    before = _columns_by_table(load_dictionary(tables=app))
    found = {table: columns for table, columns in changed.items() if before.get(table) != columns}
    return dict(_canonical(names, table, columns if on_mock else ()) for table, columns in found.items())


def digest_of_files(files: Sequence[Path]) -> str:
    """Return a digest of files and folders of tables or rows; empty for none, and for what the mock refuses to read."""
    if not files:
        return ""
    digest = sha256()
    try:
        for file in chain.from_iterable(map(yaml_files, files)):
            digest.update(file.read_bytes())
    except OSError:
        return ""
    return digest.hexdigest()[:12]


def _columns_by_table(dictionary: Dictionary) -> dict[str, tuple[str, ...]]:
    return {table.name: tuple(dictionary.columns(table.name)) for table in dictionary if table.web_service_access}


def _canonical(names: WireNames, wire: str, columns: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    table = next((name for name, each in names.group("tables").items() if each == wire), "")
    if not table:
        return wire, columns
    spelled = {each: name for name, each in names.group(f"columns.{table}").items()}
    return table, tuple(spelled.get(column, column) for column in columns)


def set_up_steps() -> tuple[str, ...]:
    """Return the names of the steps of the console's set-up, in their order."""
    return tuple(STEPS)


def set_up_defaults() -> Mapping[str, str]:
    """Return what a set-up calls the foreign system and the policy, where nobody says otherwise."""
    return {"name": DEFAULT_SYSTEM_NAME, "policy": DEFAULT_POLICY}


@cache
def finding_rules(party: PartyName) -> tuple[str, ...]:
    """Return the rules by which a fake reports what it swallowed, read off its sources so that no list can miss one."""
    product = "mock_servicenow" if party == "servicenow" else "console_sim"
    packages = map(resources.files, (product, "privman_contracts", "privman_core"))
    return tuple(sorted({rule for each in packages for text in _sources(each) for rule in _REPORTED.findall(text)}))


def _sources(folder: Traversable) -> Iterator[str]:
    for file in folder.iterdir():
        if file.is_dir():
            yield from _sources(file)
        elif file.name.endswith(".py"):
            yield file.read_text(encoding="utf-8")


def restricts_passwords(release: str) -> bool:
    """Return whether newly provisioned instances of a release let only exceptions in by Basic authentication."""
    return ReleaseProfile.load(release).basic_auth_restricted


def releases() -> tuple[str, ...]:
    """Return the releases that an instance can be of, the oldest first."""
    return ReleaseProfile.names()
