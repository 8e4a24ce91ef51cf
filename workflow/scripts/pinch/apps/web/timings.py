"""Times that a page measured and sends back: checked, written to a file, and how to go on with it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from pinch.core.errors import PinchError
from pinch.core.files import atomic

KEY, VERSION = "pinch_device_timings", 1
"""How the form of these times begins."""
LONGEST_NAME = 80
"""Characters of a device's name."""


class Saver:
    """Writes times into a folder."""

    def __init__(self, folder: Path):
        self._folder = folder

    def __call__(self, content: object) -> str:
        """Write times to a file of their own, and return where they are and what to do with them.

        Raises:
            PinchError: they are not in the page's form.
        """
        name = _device_name(content)
        said = re.sub(r"\W+", "_", name).strip("_") or "device"
        path = self._folder / f"timings_{said}_{datetime.now(UTC):%Y%m%d_%H%M%S_%f}.json"
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(content, allow_nan=False))
        sentence = (
            f"Written to {path}. Make them part of a run:\nworkflow/scripts/import_timings.py {path} --results "
            f"results/NAME --output results/NAME/records/imported/{said}.json"
        )
        print(sentence, flush=True)
        return sentence


def _device_name(content: object) -> str:
    if not isinstance(content, dict) or content.get(KEY) != VERSION or not content.get("models"):
        raise PinchError("this is not what the page measures: measure again")
    device = content.get("device")
    name = device.get("name") if isinstance(device, dict) else None
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise PinchError(f"the device's name must be one line of 1 to {LONGEST_NAME} characters: type another")
    return name
