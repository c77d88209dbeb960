"""What changed from one contract set to another, and whom it breaks."""

from privman_contracts.compatibility.change import Change
from privman_contracts.compatibility.compare import compare

__all__ = ["Change", "compare"]
