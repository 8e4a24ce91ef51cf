"""Run a detector of any format: from image to boxes, with numpy arrays as input and output.

Importing this package imports no runtime; `open` imports the one that the file needs.
"""

from pinch.run.formats import CHECKPOINT
from pinch.runtimes.base import Backend
from pinch.runtimes.loading import find_format, open

__all__ = ["CHECKPOINT", "Backend", "find_format", "open"]
