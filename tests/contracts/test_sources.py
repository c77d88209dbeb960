"""Every mark but I names the page that gives it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from privman_contracts import Contracts, InferredNamesError, Part, WireNames
from privman_contracts.evidence import SourcePage, load_pages
from privman_scenarios.language.loader import Loader, catalog_files
from privman_scenarios.playing.verbs import vocabulary

NamesFile = Callable[[str], Path]


@pytest.fixture(scope="module")
def pages() -> Mapping[str, SourcePage]:
    """The pages that evidence is cited from."""
    return load_pages()


def cited(source: str) -> list[str]:
    """Return the pages that a source names."""
    return source.split(", ")


def _is_proved(part: Part, pages: Mapping[str, SourcePage]) -> bool:
    return part.evidence in {pages[name].mark for name in cited(part.source) if name in pages}


def test_every_mark_names_a_page_that_gives_it(contracts: Contracts, pages: Mapping[str, SourcePage]) -> None:
    """S the vendor's page, D another page, P a picture, C a client; an I may name pages that suggest it."""
    known = [part for part in contracts.parts() if part.evidence != "I"]
    assert [part for part in known if not _is_proved(part, pages)] == []


@pytest.mark.long
@pytest.mark.once
def test_every_source_is_a_page(contracts: Contracts, pages: Mapping[str, SourcePage]) -> None:
    """A misspelt page would prove nothing; a page that neither a part nor a scenario cites is left over."""
    scenarios = Loader(vocabulary()).load(catalog_files())
    sources = (*(part.source for part in contracts.parts()), *(each.source for each in scenarios))
    names = {name for source in sources for name in cited(source) if source}
    assert names == pages.keys()


def test_pictures_print_and_pages_state(pages: Mapping[str, SourcePage]) -> None:
    """Only a picture gives P; each page says where it is."""
    assert all((page.mark == "P") == page.name.endswith(".png") for page in pages.values())
    assert all(page.at for page in pages.values())
    assert {page.mark for page in pages.values()} == {"S", "D", "P", "C"}


def test_a_part_has_the_source_of_its_name(contracts: Contracts) -> None:
    """A column's page is that of its row in inferred.yaml; an answer's page may be another than its exchange's."""
    sources = {(part.message, part.path): part.source for part in contracts.parts()}
    assert sources["registration-request", "$.instance_metadata.Token Url"] == "webhook-5.png"
    assert sources["response-answer", "$.result.response_status_code"] == "success.png"
    assert sources["approval-answer", "$.result.sys_id"] == "set-up-servicenow-webhook.md"
    assert sources["approval-answer", "$.result.sys_created_on"] == "c_TableAPI"
    assert sources["decision", "$.Comment"] == ""
    log_on = "POST /Tms/services/api/logon/token"
    assert sources["log_on", log_on] == "authentication/index.md"
    assert sources["log_on", f"{log_on} 401"] == "10.5-prior.md"


def test_a_users_file_may_name_its_own_source(names_file: NamesFile) -> None:
    """Who knows a name says whence, and the parts say it too; without a source the packaged one stays."""
    file = names_file("keys: {decision: {Comment: {name: Reason, evidence: C, source: our proxy}, Response: Decision}}")
    names = WireNames.load(file)
    parts = {part.path: part for part in Contracts(names).parts() if part.message == "decision"}
    assert (parts["$.Reason"].evidence, parts["$.Reason"].source) == ("C", "our proxy")
    assert parts["$.Decision"].source == names.find("keys.decision.Duration").cited


def test_a_source_that_is_no_text_is_refused(names_file: NamesFile) -> None:
    """As any other value is."""
    with pytest.raises(InferredNamesError, match=r"roles\.admin has source 7\. Expected text without line breaks"):
        WireNames.load(names_file("roles: {admin: {evidence: D, source: 7}}"))
