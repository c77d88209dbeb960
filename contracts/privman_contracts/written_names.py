"""Names as a file for ``--inferred`` has them."""

from collections.abc import Iterable
from typing import Any

import yaml
from msgspec import structs

from privman_contracts.wire_names import WireName, field_of

_WIDTH = 1_000


def override_text(names: Iterable[WireName]) -> str:
    """Return the text of a file that sets these names to their values, with observations; empty for no names."""
    tree: dict[str, Any] = {}
    for name in names:
        group = tree
        for word in name.group.split("."):
            group = group.setdefault(word, {})
        group[name.word] = _entry(name)
    if not tree:
        return ""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=_WIDTH)


class _OneLine(dict[str, object]):
    """A mapping that is written on one line."""


class _Dumper(yaml.SafeDumper):
    """Writes an entry of a name on one line, whatever it holds."""

    def ignore_aliases(self, _data: object) -> bool:
        """Write equal values in each entry instead of as anchors."""
        return True


_Dumper.add_representer(
    _OneLine, lambda dumper, entry: dumper.represent_mapping("tag:yaml.org,2002:map", entry, flow_style=True)
)


def _entry(name: WireName) -> object:
    if name.observation is None:
        return name.value
    return _OneLine({field_of(name.path): name.value, "observed": _OneLine(structs.asdict(name.observation))})
