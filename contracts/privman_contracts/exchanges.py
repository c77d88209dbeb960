"""The index of exchanges: each request, who sends it and who answers it, and the possible answers."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPMethod
from importlib.resources.abc import Traversable
from typing import Any, Literal, get_args
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from privman_contracts.evidence import MARKS, Evidence, Part
from privman_contracts.files import PACKAGED, ContractError, load_yaml
from privman_contracts.wire_names import WireNames

PartyName = Literal["servicenow", "console"]

_REFUSAL, _ANY_ENVELOPE = "error-envelope", "any-envelope"
_WITHOUT_ENVELOPE = ("", "token-answer", "report-answer")
_WITHOUT_BODY = ("204", "205")
_REFUSED = "400"
_WORDS: dict[str, tuple[str, ...]] = {
    "server": get_args(PartyName),
    "caller": ("console", "servicenow", "approver", "client"),
    "method": tuple(HTTPMethod),
    "evidence": MARKS,
    "step": ("console.ask", "servicenow.decide", "none"),
}
_SHAPING = {"sysparm_fields", "sysparm_view", "sysparm_display_value", "sysparm_exclude_reference_link"}
_NAMED = re.compile(r"\{(\w+)\}")
_PARAMETER = re.compile(r"\\\{\w+\\\}")


class AnswerContract(Struct, frozen=True):
    """The answer to expect with one status, or with a class of them.

    Attributes:
        status: ``201``, or ``5xx`` for a class.
        schema: message that the body must be; empty when the body may be anything.
        shaped: the same, when the caller chose columns or display values; empty when that cannot be.
        empty: whether there must be no body.
        source: the pages that say it; those of the exchange when empty.
        rules: the inferred rules that give the status, each with its meaning; none for a status that is documented.
    """

    status: str
    meaning: str
    evidence: Evidence
    schema: str = ""
    shaped: str = ""
    empty: bool = False
    source: str = ""
    rules: tuple[tuple[str, str], ...] = ()


class ExchangeContract(Struct, frozen=True):
    """One request that one party makes of the other, and its possible answers.

    Attributes:
        server: the party that answers.
        caller: who asks: ``console``, ``servicenow``, ``approver``, or a ``client`` of the console's API.
        path: template in the wire's spelling, such as ``/api/now/table/x_thyti_thycotic_p_request/{sys_id}``.
        request: message that the body must be; empty when there is none.
        bodiless: whether a request with a message may come without a body.
        body_name: of the body in the console's API document; empty where it is unknown.
        tag: heading in the console's API document; empty for an exchange that it leaves out.
        open: whether it needs no credentials.
        evidence: of the method and the path; a table in the path has its own.
        source: the pages that say it.
        step: the verb of scenarios that makes the caller send it; ``none`` if it does so of its own accord, empty for a
            request that a scenario sends itself.
    """

    name: str
    summary: str
    server: PartyName
    caller: str
    method: str
    path: str
    request: str
    answers: tuple[AnswerContract, ...]
    bodiless: bool
    body_name: str
    tag: str
    open: bool
    evidence: Evidence
    source: str
    step: str = ""

    def asks(self, body: "Body") -> bool:
        """Return whether the body must be the exchange's message."""
        return bool(self.request) and (bool(body.data) or not self.bodiless)

    def answer(self, status: int) -> AnswerContract | None:
        """Return the contract of an answer with this status."""
        by_status = {answer.status: answer for answer in self.answers}
        return by_status.get(str(status)) or by_status.get(f"{status // 100}xx")

    @property
    def operation_id(self) -> str:
        """The name, with the method if the name has several."""
        return f"{self.name}_put" if self.method == "PUT" else self.name

    @property
    def kind(self) -> str:
        """``GET list``, ``GET``, ``POST`` and so on: reading a list takes other parameters than reading a record."""
        return "GET list" if self.method == "GET" and not self.path.endswith("}") else self.method

    @property
    def pattern(self) -> re.Pattern[str]:
        """The matching paths: any version of the Table API; on the console any case and repeated slashes, as on IIS."""
        path = _PARAMETER.sub("[^/]+", re.escape(self.path))
        if self.server == "console":
            return re.compile(f"/{path[1:].replace('/', '/+')}/*", re.IGNORECASE)
        return re.compile(path.replace("/api/now/", "/api/now/(?:v[12]/)?"))


class WebhookContract(Struct, frozen=True):
    """One message that is posted to an address that its receiver chooses.

    Attributes:
        evidence: that it is posted; its body has marks of its own.
        source: the pages that say it.
    """

    message: str
    summary: str
    sender: str
    receiver: str
    evidence: Evidence
    source: str


def load_webhooks(folder: Traversable = PACKAGED) -> tuple[WebhookContract, ...]:
    """Return all webhooks; none of an older contract set."""
    return tuple(WebhookContract(**entry) for entry in load_yaml(folder / "index.yaml").get("webhooks", ()))


def load_exchanges(names: WireNames, folder: Traversable = PACKAGED) -> tuple[ExchangeContract, ...]:
    """Return all exchanges, one for each method, in the wire's spelling; raises ContractError for an unknown word."""
    index = _packaged_index() if folder == PACKAGED else _index(folder)
    return tuple(exchange for entry in index["exchanges"] for exchange in _exchanges(entry, index["errors"], names))


@cache
def _packaged_index() -> Mapping[str, Any]:
    return _index(PACKAGED)


def _index(folder: Traversable) -> Mapping[str, Any]:
    file = folder / "index.yaml"
    index: Mapping[str, Any] = load_yaml(file)
    for entry in index["exchanges"]:
        for where, marked in ((f"exchange {entry['name']!r}", entry), *_answers_of(entry, index["errors"])):
            _require_known_words(f"{file}: {where}", marked)
    return index


def _answers_of(entry: Mapping[str, Any], errors: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for status, answer in {**entry["answers"], **errors[entry["errors"]]}.items():
        yield f"answer {status} of exchange {entry['name']!r}", answer


def _require_known_words(where: str, entry: Mapping[str, Any]) -> None:
    for key, known in _WORDS.items():
        value = entry.get(key, [])
        for word in value if isinstance(value, list) else [value]:
            if word not in known:
                raise ContractError(f"{where} has {key} {word!r}. Expected one of {', '.join(known)}.")


def _exchanges(entry: Mapping[str, Any], errors: Mapping[str, Any], names: WireNames) -> Iterator[ExchangeContract]:
    tables = names.group("tables")
    answers = _answers({**entry["answers"], **errors[entry["errors"]]}, names)
    for method in entry["method"]:
        yield ExchangeContract(
            name=entry["name"],
            summary=entry["summary"],
            server=entry["server"],
            caller=entry["caller"],
            method=method,
            path=_NAMED.sub(lambda found: tables.get(found[1], found[0]), entry["path"]),
            request=entry.get("request", ""),
            answers=answers,
            bodiless=entry.get("bodiless", False),
            body_name=entry.get("body_name", ""),
            tag=entry.get("tag", ""),
            open=entry.get("open", False),
            evidence=entry["evidence"],
            source=entry["source"],
            step=entry.get("step", ""),
        )


def _answers(entries: Mapping[int | str, Any], names: WireNames) -> tuple[AnswerContract, ...]:
    """Return the answers by status."""
    by_status: dict[str, AnswerContract] = {}
    for key, entry in entries.items():
        for status in _statuses(key, names):
            answer = _answer(status, entry, str(key))
            by_status[status] = _both(by_status[status], answer) if status in by_status else answer
    return tuple(by_status[status] for status in sorted(by_status))


def _both(one: AnswerContract, other: AnswerContract) -> AnswerContract:
    """Return the contract of a status that two rules give; its body may be that of either."""
    schema = one.schema
    if _REFUSAL in {one.schema, other.schema} and one.schema != other.schema:
        schema = "" if one.schema in _WITHOUT_ENVELOPE else _ANY_ENVELOPE
    return replace(one, schema=schema, meaning=f"{one.meaning}, or {other.meaning}", rules=(*one.rules, *other.rules))


def _statuses(key: int | str, names: WireNames) -> list[str]:
    """Return the statuses that a key of the index means: itself, or those that the rule of that name gives."""
    if not _is_rule(key):
        return [str(key)]
    value = names.find(f"rules.{key}").value
    return [str(each) for each in (value if isinstance(value, list) else [value])]


def _is_rule(key: int | str) -> bool:
    return isinstance(key, str) and key.endswith(("_status", "_statuses"))


def _answer(status: str, entry: Mapping[str, Any], key: str) -> AnswerContract:
    fields = {name: value for name, value in entry.items() if name != "refused"}
    fields["rules"] = ((key, entry["meaning"]),) if _is_rule(key) else ()
    if "refused" in entry and status >= _REFUSED:
        fields |= {"schema": entry["refused"], "shaped": ""}
    if status in _WITHOUT_BODY and "schema" in fields:
        fields |= {"schema": "", "shaped": "", "empty": True}
    return AnswerContract(status=status, **fields)


class Body(Struct, frozen=True):
    """A body and its content type; both empty when there was none."""

    data: bytes = b""
    content_type: str = ""

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()


class Observed(Struct, frozen=True):
    """One exchange as either party saw it on the wire.

    Attributes:
        server: the party that answered.
        target: path, with its query if any; or an absolute address.
        status: 0 when there was no answer.
    """

    server: PartyName
    method: str
    target: str
    request: Body = field(default_factory=Body)
    status: int = 0
    answer: Body = field(default_factory=Body)

    @property
    def is_shaped(self) -> bool:
        """Whether the caller chose the form of the answer."""
        return not _SHAPING.isdisjoint(parse_qs(urlsplit(self.target).query))


def part_of_webhook(webhook: WebhookContract) -> Part:
    """Return the part of the contract that says the message is posted."""
    return Part(webhook.message, "POST", webhook.evidence, webhook.message, webhook.source)


def parts_of_exchange(exchange: ExchangeContract) -> Iterator[Part]:
    """Yield the method and path, and each status."""
    line = f"{exchange.method} {exchange.path}"
    yield Part(exchange.name, line, exchange.evidence, exchange.name, exchange.source)
    for answer in exchange.answers:
        source = answer.source or exchange.source
        yield Part(exchange.name, f"{line} {answer.status}", answer.evidence, answer.status, source)
