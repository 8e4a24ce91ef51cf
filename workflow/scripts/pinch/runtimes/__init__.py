"""Run a detector of any format: from picture to boxes, numpy in and numpy out.

Importing this package loads no runtime: `open` imports the one that the file needs.
"""

from pinch.run.formats import CHECKPOINT
from pinch.runtimes.base import Backend
from pinch.runtimes.loading import find_format, open

__all__ = ["CHECKPOINT", "Backend", "find_format", "open"]
