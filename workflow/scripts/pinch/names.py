"""The fixed names of models and artifacts, in one place for commands, rules and tables.

<name>[_coarse_prune_<percent>|_fine_prune_<percent>][_tuned]      a model
<model>[_<size>]_<precision>.<suffix>                              an artifact
"""

import re
from dataclasses import dataclass

METHODS = ("coarse", "fine")
_MODEL = re.compile(r"^(?P<name>.+?)(?:_(?P<method>coarse|fine)_prune_(?P<percent>\d+(?:\.\d+)?))?(?P<tuned>_tuned)?$")


@dataclass(frozen=True)
class Model:
    """What a model's name says: base `name`, pruning `method` (none, coarse, fine), `ratio`, and whether tuned."""

    name: str
    method: str = "none"
    ratio: float = 0.0
    tuned: bool = False

    def __str__(self) -> str:
        pruned = "" if self.method == "none" else f"_{self.method}_prune_{percent(self.ratio)}"
        return f"{self.name}{pruned}{'_tuned' if self.tuned else ''}"


def percent(ratio: float) -> str:
    """A ratio as it stands in names: 0.5 -> "50", 0.125 -> "12.5"."""
    return f"{ratio * 100:.10g}"


def parse_model(stem: str) -> Model:
    """The parts of a model's name (the file's name without its suffix)."""
    match = _MODEL.match(stem)
    assert match, stem
    if not match["method"]:
        return Model(stem)
    return Model(match["name"], match["method"], float(match["percent"]) / 100, bool(match["tuned"]))
