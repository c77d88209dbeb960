"""Contracts in the spelling of one instance, and contract sets by the names that users give them."""

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Self, cast

import orjson

from privman_contracts import body_parts, exchanges, schemas, wire_names
from privman_contracts.body_parts import BodyPart
from privman_contracts.evidence import MARKS, Part, Violation
from privman_contracts.exchanges import Body, ExchangeContract, Observed, PartyName, WebhookContract
from privman_contracts.files import PACKAGED, ContractError
from privman_contracts.schemas import Schema
from privman_contracts.wire_names import Value, WireNames
from privman_core.exchange import path_of

_JSON = "application/json"
_IN_THE_INDEX = ("tables.", "rules.")  # the names on which paths and statuses depend
_LONGEST_PATH, _ALIKE, _MOST_NEAR = 200, 0.7, 5
_Check = Callable[[bytes], tuple[Violation, ...]]


class Contracts:
    """Every contract of the set ``folder`` between the console and ServiceNow, in the wire's spelling of ``names``."""

    def __init__(self, names: WireNames, folder: Traversable = PACKAGED) -> None:
        self.names = names
        self.folder = folder
        self._checks: dict[str, _Check] = {}

    @classmethod
    def load(cls, override: Path | None = None) -> Self:
        """Return the contracts, with what the file ``override`` spells differently.

        Raises:
            InferredNamesError: the file is unusable; names file, key and the nearest valid word.
        """
        return cls(WireNames.load(override))

    def spelled(self, values: Mapping[str, Value]) -> Self:
        """Return the contracts with other spellings at these paths of names."""
        return type(self)(self.names.replaced(values), self.folder)

    def overridden(self, values: Mapping[str, Value]) -> Self:
        """Return the contracts as if a file for ``--inferred`` gave these values to the names at these paths.

        Raises:
            InferredNamesError: a file with these values would be refused.
        """
        other = type(self)(self.names.overridden(values), self.folder)
        if not any(path.startswith(_IN_THE_INDEX) for path in values):
            other.exchanges = self.exchanges
        return other

    @cached_property
    def exchanges(self) -> tuple[ExchangeContract, ...]:
        """The index: every exchange, one for each method."""
        return exchanges.load_exchanges(self.names, self.folder)

    @cached_property
    def webhooks(self) -> tuple[WebhookContract, ...]:
        """The messages that are posted to any address."""
        return exchanges.load_webhooks(self.folder)

    @cached_property
    def schemas(self) -> dict[str, Schema]:
        """Message name to its JSON Schema."""
        return {message: schemas.spell(schema, self.names) for message, schema in self._canonical.items()}

    def match(self, server: PartyName, method: str, path: str) -> ExchangeContract | None:
        """Return the contract of a request that ``server`` answers, or None when there is none."""
        routes = self._routes.get((server, method), ())
        return next((exchange for pattern, exchange in routes if pattern.fullmatch(path)), None)

    def find(self, method: str, target: str) -> ExchangeContract | None:
        """Return the contract of a request, whichever party answers it; None when there is none."""
        path = path_of(target)
        return self.match("servicenow", method, path) or self.match("console", method, path)

    def messages(self, seen: Observed) -> Iterator[tuple[str, Body]]:
        """Yield each body of the exchange that has a contract of its own, with the name of that message."""
        exchange = self.match(seen.server, seen.method, path_of(seen.target))
        answer = exchange and exchange.answer(seen.status)
        if exchange and exchange.asks(seen.request):
            yield exchange.request, seen.request
        if answer and answer.schema:
            yield (seen.is_shaped and answer.shaped) or answer.schema, seen.answer

    def check(self, seen: Observed) -> tuple[Violation, ...]:
        """Return each way in which the exchange breaks its contract; none when it has no contract."""
        exchange = self.match(seen.server, seen.method, path_of(seen.target))
        if exchange is None:
            return ()
        answer = self._check_answer(exchange, seen, shaped=seen.is_shaped)
        return (*self._check_request(exchange, seen.request), *answer)

    def check_body(self, message: str, body: bytes) -> tuple[Violation, ...]:
        """Return each way in which a body breaks the contract of ``message``, such as ``decision``."""
        return self._check_of(message)(body)

    def compare_body(
        self, message: str, body: bytes, shown: bytes | None = None, known: Iterable[Violation] | None = None
    ) -> list[BodyPart]:
        """Return each part of the contract of ``message`` beside its value in the body, see `body_parts.compare`.

        Values are taken from ``shown``, the body with secrets masked, or else from the body itself. A caller that has
        checked the body already passes its violations.
        """
        schema, violations = self.schemas[message], self.check_body(message, body) if known is None else known
        try:
            document = orjson.loads(body)
            return body_parts.compare(schema, document, violations, document if shown is None else _masked(shown))
        except (orjson.JSONDecodeError, RecursionError):
            return body_parts.unreadable(schema, violations)

    def rules_of(self, message: str) -> set[str]:
        """Return the inferred rules on which the contract of ``message`` depends."""
        return {*schemas.rules_in(self._canonical[message])}

    def near(self, server: PartyName, method: str, path: str) -> list[ExchangeContract]:
        """Return the exchanges of this path with other methods, or else those of this method with similar paths."""
        same = [each for each in self.exchanges if each.server == server and each.pattern.fullmatch(path)]
        if same or len(path) > _LONGEST_PATH:
            return same
        alike = [
            (_likeness(path, each.path), each)
            for each in self.exchanges
            if (each.server, each.method) == (server, method)
        ]
        ranked = sorted(alike, key=lambda pair: pair[0], reverse=True)
        return [each for likeness, each in ranked if likeness >= _ALIKE][:_MOST_NEAR]

    def parts(self) -> list[Part]:
        """Return every part of every contract with its evidence."""
        return list(self._parts())

    @cached_property
    def _canonical(self) -> dict[str, Schema]:
        return schemas.load_schemas(self.folder)

    @cached_property
    def _routes(self) -> dict[tuple[str, str], list[tuple[re.Pattern[str], ExchangeContract]]]:
        routes: dict[tuple[str, str], list[tuple[re.Pattern[str], ExchangeContract]]] = {}
        for exchange in self.exchanges:
            routes.setdefault((exchange.server, exchange.method), []).append((exchange.pattern, exchange))
        return routes

    def _check_request(self, exchange: ExchangeContract, body: Body) -> Iterator[Violation]:
        if exchange.asks(body):
            yield from self._check_json(exchange.request, body)

    def _check_answer(self, exchange: ExchangeContract, seen: Observed, *, shaped: bool) -> Iterator[Violation]:
        answer = exchange.answer(seen.status)
        if answer is None and seen.status:
            yield _unknown_status(exchange, seen.status)
        elif answer is None:
            return
        elif answer.empty and seen.answer.data:
            size = len(seen.answer.data)
            yield Violation(f"the body has {size} bytes. Expected none.", exchange.name, "$", answer.evidence)
        elif answer.schema:
            yield from self._check_json((shaped and answer.shaped) or answer.schema, seen.answer)

    def _check_json(self, message: str, body: Body) -> Iterator[Violation]:
        if body.media_type == _JSON:
            yield from self._check_of(message)(body.data)
        else:
            text = f"Content-Type has value {body.content_type!r}. Expected {_JSON}."
            yield Violation(text, message, "Content-Type", "D")

    def _check_of(self, message: str) -> _Check:
        if message not in self._checks:
            from privman_contracts.validation import MessageValidator  # noqa: PLC0415 - only a check pays for jsonschema

            schema = schemas.spell(self._canonical[message], self.names)
            self._checks[message] = MessageValidator(message, schema).check
        return self._checks[message]

    def _parts(self) -> Iterator[Part]:
        for message, schema in self.schemas.items():
            yield from schemas.parts_of_message(message, schema)
        for exchange in self.exchanges:
            yield from exchanges.parts_of_exchange(exchange)
        yield from map(exchanges.part_of_webhook, self.webhooks)
        yield from map(wire_names.part_of_name, self.names)


def _masked(shown: bytes) -> object:
    """Return the JSON of a body with masked secrets; None if it cannot be read."""
    try:
        return orjson.loads(shown)
    except orjson.JSONDecodeError:
        return None


def _likeness(path: str, template: str) -> float:
    """Return how similar a path and the path of a contract are, from 0 to 1, ignoring case and parameters."""
    steps, wanted = path.lower().strip("/").split("/"), template.lower().strip("/").split("/")
    if len(steps) != len(wanted):
        return 0
    filled = [step if form.startswith("{") else form for step, form in zip(steps, wanted, strict=True)]
    return min(SequenceMatcher(None, *pair).ratio() for pair in zip(steps, filled, strict=True))


def _unknown_status(exchange: ExchangeContract, status: int) -> Violation:
    known = ", ".join(answer.status for answer in exchange.answers)
    text = f"status has value {status}. Expected one of {known}."
    return Violation(text, exchange.name, "status", exchange.evidence)


PACKAGED_SET = "packaged"


def open_set(name: str) -> Contracts:
    """Return the contracts that ``name`` stands for.

    ``packaged`` is what this version holds; a YAML file is that with its names replaced; a folder, or a wheel with one
    named ``privman_contracts``, holds ``inferred.yaml``, ``index.yaml`` and ``schemas`` of its own.

    Raises:
        ContractError: the set does not exist or is unusable; the message names it.
    """
    if name == PACKAGED_SET:
        return Contracts.load()
    file = Path(name)
    if file.is_dir():
        return _in_folder(name, file)
    if file.suffix == ".whl":
        return _in_folder(name, _wheel_folder(file))
    return Contracts.load(file)


def _wheel_folder(wheel: Path) -> Traversable:
    try:
        # A path in a ZIP file has the methods of Traversable that are used here, but does not derive from it.
        return cast("Traversable", zipfile.Path(wheel) / "privman_contracts")
    except (OSError, zipfile.BadZipFile) as error:
        raise ContractError(f"{wheel}: not a wheel: {error}.") from None


def _in_folder(name: str, folder: Traversable) -> Contracts:
    for part in ("inferred.yaml", "index.yaml", "schemas"):
        if not (folder / part).is_file() and not (folder / part).is_dir():
            raise ContractError(f"{name}: has no {part}. Expected the folder privman_contracts of a release.")
    try:
        contracts = Contracts(WireNames.load(folder=folder), folder)
        # Read now, so that errors in them are raised here.
        _require_schemas(name, contracts)
        _require_marks(name, contracts)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise ContractError(f"{name}: not a contract set: {type(error).__name__}: {error}.") from None
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
