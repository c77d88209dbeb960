"""An exchange in a sentence or two."""

from privman_core.cockpit.addresses import path_of
from privman_core.cockpit.contract_comparison import ContractComparison
from privman_core.cockpit.exchange_facts import ExchangeRow
from privman_core.cockpit.merged_rows import MergedRow


def summary(pair: MergedRow, row: ExchangeRow, compared: ContractComparison) -> str:
    """Return in a sentence or two what happened, and the first difference from the contract."""
    asked = f"{pair.source} to {pair.target}: {compared.happened or f'{row.method} {path_of(row.url)}'}."
    if pair.replay:
        asked = f"{asked} It was {pair.replay}."
    return f"{asked} {_answered(row, compared)} {_judged(row, compared)}".rstrip()


def _answered(row: ExchangeRow, compared: ContractComparison) -> str:
    if row.verdict == "running":
        return "It has not been answered yet."
    if not row.status:
        return f"No answer came: {row.error}."
    meaning = f": {compared.answered}" if compared.answered else ""
    return f"The answer was {row.status}{meaning}."


def _judged(row: ExchangeRow, compared: ContractComparison) -> str:
    """Return the verdict, with the first difference if there is one."""
    if compared.note or row.verdict == "running":
        return compared.note
    if not compared.happened:
        return "No contract describes this exchange."
    first = next(iter(compared.differing), None)
    if first is None:
        return "It kept its contract."
    kept = "did not keep its contract" if first.state == "differs" else "kept its contract, but has a doubtful value"
    more = len(compared.differing) - 1
    others = f" There {'is 1 more difference' if more == 1 else f'are {more} more differences'}." if more else ""
    return f"It {kept}: {first.problems[0]}{others}"
