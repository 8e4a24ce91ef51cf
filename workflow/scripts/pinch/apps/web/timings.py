"""Times that a page measured and sends back: checked, written to a file, and how to go on with it."""

import json
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pinch.core.errors import PinchError
from pinch.core.files import write_text
from pinch.measuring.imported import reading

MAX_FILES = 100
"""Files that a server writes: everyone who reaches it can have some written."""


class FullError(PinchError):
    """No more times are taken."""


class Saver:
    """Writes times into a folder, at most MAX_FILES times."""

    def __init__(self, folder: Path):
        self._folder, self._written = folder, 0

    def __call__(self, content: object) -> str:
        """Write times to a file of their own, and return where they are and what to do with them.

        Raises:
            FullError: as many were written before.
            PinchError: they are not in the page's form.
        """
        if self._written >= MAX_FILES:
            raise FullError(
                f"this server has written {MAX_FILES} files of times, and takes no more until it is started again"
            )
        text = json.dumps(content)
        # In other scripts, a name that is allowed can have more bytes than names of files may.
        name = re.sub(r"\W+", "_", _device(text), flags=re.ASCII).strip("_") or "device"
        path = self._folder / f"timings_{name}_{datetime.now(UTC):%Y%m%d_%H%M%S_%f}.json"
        write_text(path, text)
        self._written += 1
        sentence = (
            f"Written to {path}. To make them part of a run, name the file in measure.imported of its configuration. "
            f"What they say of a run: import_timings.py {path} --results results/NAME --output {name}.json"
        )
        print(sentence, flush=True)
        return sentence


def _device(text: str) -> str:
    """The name of the device in times that the command can read which makes them part of a run."""
    with tempfile.TemporaryDirectory(prefix="pinch-web-") as folder:
        path = Path(folder) / "times.json"
        path.write_text(text)
        try:
            return reading.read([path]).device.name
        except PinchError as error:
            raise PinchError(str(error).replace(str(path), "this")) from error
