"""Contract sets by what a user calls them: packaged, an instance's names, a folder, or a released wheel."""

import zipfile
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import cast

from privman_contracts.contracts import Contracts
from privman_contracts.errors import ContractError
from privman_contracts.evidence import MARKS
from privman_contracts.wire_names import WireNames

PACKAGED = "packaged"


def open_set(name: str) -> Contracts:
    """Return the contracts that ``name`` stands for.

    ``packaged`` is what this version holds; a YAML file is that with its names replaced; a folder, or a wheel with one
    named ``privman_contracts``, holds ``inferred.yaml``, ``index.yaml`` and ``schemas`` of its own.

    Raises:
        ContractError: there is no such set, or it cannot be used; names it.
    """
    if name == PACKAGED:
        return Contracts.load()
    file = Path(name)
    if file.is_dir():
        return _in_folder(name, file)
    if file.suffix == ".whl":
        return _in_folder(name, _unpacked(file))
    return Contracts.load(file)


def _unpacked(wheel: Path) -> Traversable:
    try:
        # A path into a ZIP file has all of Traversable that is read here, though it does not derive from it.
        return cast("Traversable", zipfile.Path(wheel) / "privman_contracts")
    except (OSError, zipfile.BadZipFile) as error:
        raise ContractError(f"{wheel}: is no wheel: {error}.") from None


def _in_folder(name: str, folder: Traversable) -> Contracts:
    for part in ("inferred.yaml", "index.yaml", "schemas"):
        if not (folder / part).is_file() and not (folder / part).is_dir():
            raise ContractError(f"{name}: has no {part}. Expected the folder privman_contracts of a release.")
    try:
        contracts = Contracts(WireNames.load(folder=folder), folder)
        # Read now, so that what is wrong with them is told here.
        _require_schemas(name, contracts)
        _require_marks(name, contracts)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ContractError(f"{name}: is no contract set: {type(error).__name__}: {error}.") from None
    return contracts


def _require_schemas(name: str, contracts: Contracts) -> None:
    for exchange in contracts.exchanges:
        answered = (message for answer in exchange.answers for message in (answer.schema, answer.shaped))
        for message in filter(None, (exchange.request, *answered)):
            if message not in contracts.schemas:
                what = f"exchange {exchange.name!r} names the message {message!r}"
                raise ContractError(f"{name}: {what}. Expected a file of schemas, such as {min(contracts.schemas)!r}.")


def _require_marks(name: str, contracts: Contracts) -> None:
    for part in contracts.parts():
        if part.evidence not in MARKS:
            what = f"{part.message} {part.path} has evidence {part.evidence!r}"
            raise ContractError(f"{name}: {what}. Expected one of {', '.join(MARKS)}.")
