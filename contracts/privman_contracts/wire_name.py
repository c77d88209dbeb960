"""One spelling or rule of the wire."""

from dataclasses import dataclass

from privman_contracts.evidence import Evidence

Value = str | int | list[int | str]


@dataclass(frozen=True, slots=True)
class WireName:
    """One spelling or rule of the wire.

    Attributes:
        path: canonical name with its groups, such as ``columns.request.instance_id``.
        value: the spelling on the wire; for ``rules`` a number or a list of statuses.
        packaged: the value that stands where no file of a user says otherwise.
    """

    path: str
    value: Value
    evidence: Evidence
    packaged: Value

    @property
    def group(self) -> str:
        """The names among which the spelling must be unique, such as ``columns.request``."""
        return self.path.rpartition(".")[0]

    @property
    def word(self) -> str:
        """The canonical name without its groups, such as ``instance_id``."""
        return self.path.rpartition(".")[2]
