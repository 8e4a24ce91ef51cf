"""The numbers of classes: models learn them, so a second conversion must not change them without a word."""

from pathlib import Path

from pinch.core.errors import PinchError
from pinch.core.files import read_json
from pinch.data.changes import CONVERSION

NAMES = "names"
"""The key of conversion.json for the class names, in the order of their numbers."""


def require_same(out: Path, names: list[str]) -> None:
    """Stop if classes that an earlier conversion numbered would get other numbers, or none.

    Args:
        out: folder of the converted data set.
        names: class names, in the order of their numbers.

    Raises:
        PinchError: they do not begin with those of the earlier conversion.
    """
    before = _numbered(out)
    if names[: len(before)] == before:
        return
    gone = [name for name in before if name not in names]
    what = f"without {', '.join(gone)}" if gone else "in another order"
    raise PinchError(
        f"{out} was converted with the targets {', '.join(before)}, and models may know them by their numbers; they are"
        f" given {what} now: add targets at the end, or ask for new numbers with `rebuild`"
    )


def _numbered(out: Path) -> list[str]:
    try:
        content = read_json(out / CONVERSION)
    except PinchError:
        return []
    return content.get(NAMES, []) if isinstance(content, dict) else []
