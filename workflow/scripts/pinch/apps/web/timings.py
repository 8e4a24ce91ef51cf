"""Times that a page measured and sends back: checked, written to a file, and how to go on with it."""

import json
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pinch.core.errors import PinchError
from pinch.core.files import atomic
from pinch.measuring.imported import reading


class Saver:
    """Writes times into a folder."""

    def __init__(self, folder: Path):
        self._folder = folder

    def __call__(self, content: object) -> str:
        """Write times to a file of their own, and return where they are and what to do with them.

        Raises:
            PinchError: they are not in the page's form.
        """
        text = json.dumps(content)
        # In other scripts, a name that is allowed can have more bytes than names of files may.
        name = re.sub(r"\W+", "_", _device(text), flags=re.ASCII).strip("_") or "device"
        path = self._folder / f"timings_{name}_{datetime.now(UTC):%Y%m%d_%H%M%S_%f}.json"
        with atomic(path) as temporary:
            temporary.write_text(text)
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
