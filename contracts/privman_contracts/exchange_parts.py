"""An exchange of a party's journal beside its contract, for the cockpit."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from privman_contracts.body_parts import BodyPart
from privman_contracts.contracts import Contracts
from privman_contracts.evidence import MEANING, SourcePage, Violation, load_pages
from privman_contracts.exchanges import Body, ExchangeContract, Observed
from privman_contracts.overrides import Override, find_overrides, together
from privman_core.cockpit.contract_comparison import (
    ComparedMessage,
    ComparedPart,
    ContractComparison,
    NearContract,
    OverrideText,
    Source,
    State,
)
from privman_core.cuts import cut
from privman_core.exchange import path_of

_JSON = "application/json"
_LONGEST = 300
_TITLES = ("Method, path and status", "Request", "Answer")


class ExchangeParts:
    """Compares one exchange.

    Args:
        printed: the exchange as the control plane prints it, secrets masked.
        mask: hides secrets in other texts.
    """

    def __init__(
        self, contracts: Contracts, seen: Observed, printed: dict[str, Any], mask: Callable[[str], str]
    ) -> None:
        self._contracts = contracts
        self._seen = seen
        self._printed = printed
        self._mask = mask
        self._path = path_of(seen.target)

    def compare(self) -> ContractComparison:
        """Return the exchange beside its contract, or the contracts that it comes close to."""
        contract = self._contracts.match(self._seen.server, self._seen.method, self._path)
        violations = self._contracts.check(self._seen)
        overrides = [*self._shown(find_overrides(self._contracts, self._seen, violations))]
        if contract is None:
            return ContractComparison(near=[*self._near()], overrides=[text for _, text in overrides])
        answer = contract.answer(self._seen.status)
        messages = [*self._messages(contract, violations, overrides)]
        return ContractComparison(
            happened=contract.summary,
            answered=answer.meaning if answer else "",
            messages=[message for message in messages if message.parts],
            together=self._together(overrides),
        )

    def _near(self) -> Iterator[NearContract]:
        for each in self._contracts.near(self._seen.server, self._seen.method, self._path):
            yield NearContract(f"{each.method} {each.path}", each.summary)

    def _shown(self, overrides: Iterable[Override]) -> Iterator[tuple[Override, OverrideText]]:
        """Yield each override with its text, except those whose text would show a secret."""
        for each in overrides:
            text = each.text
            if self._mask(text) == text:
                yield each, _override_text(each, text)

    def _together(self, overrides: Sequence[tuple[Override, OverrideText]]) -> str:
        """Return one file with all overrides; empty if a single override has the same text."""
        text = together(self._contracts, (each for each, _ in overrides))
        return "" if text in {"", *(each.text for _, each in overrides)} else text

    def _messages(
        self,
        contract: ExchangeContract,
        violations: Sequence[Violation],
        overrides: Sequence[tuple[Override, OverrideText]],
    ) -> Iterator[ComparedMessage]:
        compared = [("", "line", [*_line(contract, self._seen, violations)]), *self._bodies(violations)]
        for title, (message, name, parts) in zip(_TITLES, compared, strict=True):
            rows = [self._row(f"{name}-{number}", part, overrides) for number, part in enumerate(parts)]
            yield ComparedMessage(title=title, message=message, parts=rows)

    def _bodies(self, violations: Sequence[Violation]) -> Iterator[tuple[str, str, list[BodyPart]]]:
        """Yield each message with its name and parts; none of a body that has no contract."""
        messages = [*self._contracts.messages(self._seen)]
        for name, body in (("request", self._seen.request), ("response", self._seen.answer)):
            message = next((message for message, each in messages if each is body), "")
            shown = self._printed[name]["body"].encode()
            known = [each for each in violations if each.schema == message]
            found = message and body.media_type == _JSON
            yield message, name, self._contracts.compare_body(message, body.data, shown, known) if found else []

    def _row(self, number: str, part: BodyPart, overrides: Iterable[tuple[Override, OverrideText]]) -> ComparedPart:
        differences = {(each.schema, each.where) for each in part.violations}
        return ComparedPart(
            id=number,
            where=self._mask(part.where),
            expected=part.expected,
            actual=self._mask(part.actual),
            state=_state(part),
            required=part.required,
            evidence=part.evidence,
            meaning=MEANING[part.evidence],
            sources=[*_sources(part)],
            problems=[self._mask(each.message) for each in part.violations],
            rule=next(("doubtful-value" if each.doubtful else each.schema for each in part.violations), ""),
            overrides=[text for each, text in overrides if not differences.isdisjoint(each.explains)],
        )


def _override_text(override: Override, text: str) -> OverrideText:
    return OverrideText(
        path=override.name.path,
        text=text,
        before=str(override.before),
        evidence=override.name.evidence,
        inferred=override.name.evidence == "I",
        meaning=override.meaning,
    )


def _state(part: BodyPart) -> State:
    if part.violations:
        return "differs" if not part.fits else "doubtful"
    if not part.present:
        return "absent"
    return "fits" if part.expected else "further"


def _line(contract: ExchangeContract, seen: Observed, violations: Sequence[Violation]) -> Iterator[BodyPart]:
    """Yield the parts outside the bodies: method and path, status, and content types of bodies with a contract."""
    path = f"{contract.method} {contract.path}"
    evidence, source = contract.evidence, contract.source
    sent = cut(f"{seen.method} {path_of(seen.target)}", _LONGEST)
    yield BodyPart(where="method and path", evidence=evidence, source=source, expected=path, required=True, actual=sent)
    if contract.asks(seen.request):
        yield _content_type("of the request", seen.request, contract.source, contract.request, violations)
    if seen.status:
        yield _status(contract, seen.status, violations)
    answer = contract.answer(seen.status)
    if answer and answer.schema:
        message = (seen.is_shaped and answer.shaped) or answer.schema
        yield _content_type("of the answer", seen.answer, answer.source or contract.source, message, violations)
    if answer and answer.empty:
        broken = tuple(each for each in violations if (each.schema, each.where) == (contract.name, "$"))
        size, source = len(seen.answer.data), answer.source or contract.source
        actual = f"{size} bytes" if size else "no body"
        yield BodyPart(
            where="body of the answer",
            evidence=answer.evidence,
            source=source,
            expected="no body",
            required=True,
            actual=actual,
            violations=broken,
        )


def _content_type(of: str, body: Body, source: str, message: str, violations: Iterable[Violation]) -> BodyPart:
    broken = tuple(each for each in violations if (each.schema, each.where) == (message, "Content-Type"))
    actual = cut(body.content_type, _LONGEST)
    where = f"Content-Type {of}"
    return BodyPart(
        where=where, evidence="D", source=source, expected=_JSON, required=True, actual=actual, violations=broken
    )


def _status(contract: ExchangeContract, status: int, violations: Iterable[Violation]) -> BodyPart:
    broken = tuple(each for each in violations if (each.schema, each.where) == (contract.name, "status"))
    answer = contract.answer(status)
    return BodyPart(
        where="status",
        evidence=answer.evidence if answer else contract.evidence,
        source=(answer.source if answer else "") or contract.source,
        expected=", ".join(each.status for each in contract.answers),
        required=True,
        actual=f"{status}: {answer.meaning}" if answer else str(status),
        violations=broken,
    )


def _sources(part: BodyPart) -> Iterator[Source]:
    """Yield the observation, or the cited pages that give the part's evidence; of an I, those that suggest it."""
    if part.evidence == "O":
        yield Source(part.source)
        return
    cited = (page for name, page in _pages().items() if name in part.source.split(", "))
    yield from (Source(page.name, page.at) for page in cited if part.evidence in ("I", page.mark))


@cache
def _pages() -> dict[str, SourcePage]:
    return load_pages()
