"""Text for readers: what comes from outside (names of classes, models, files) on a line; counts; lists."""

import re
import unicodedata
from collections.abc import Sequence

# Characters that turn the direction of the text after them, which may be ours.
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def one_line(text: str) -> str:
    """`text` without line breaks, control characters, and characters that would turn the text around it."""
    shown = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text if c not in _TURNING)
    return re.sub(r"\s+", " ", shown)


def counted(count: int, what: str, plural: str = "s") -> str:
    """How many there are: "1 box", "2 boxes"."""
    return f"{count:,} {what}{'' if count == 1 else plural}"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def first(names: Sequence[str], most: int, between: str = ", ") -> str:
    """The first of many names in a sentence, and how many more there are: "a, b, and 7 more"."""
    more = [f"and {len(names) - most:,} more"] if len(names) > most else []
    return between.join([*names[:most], *more])
