"""Text from outside (names of classes, models, files) on a line of a page or a picture."""

import re
import unicodedata

# Characters that turn the direction of the text after them, which may be ours.
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def one_line(text: str) -> str:
    """`text` without line breaks, control characters, and characters that would turn the text around it."""
    shown = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text if c not in _TURNING)
    return re.sub(r"\s+", " ", shown)
