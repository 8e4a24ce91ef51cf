"""Files of measured times, whoever wrote them. Cheap to import: the workflow reads them before its first job."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from pinch.core.errors import PinchError
from pinch.core.record_types.imported import Device
from pinch.measuring.imported import benchmark_model, page
from pinch.measuring.imported.measured import Imported
from pinch.run.settings.data import DEVICES

LONGEST_NAME = 80


def read(paths: Sequence[str | Path], device: str | None = None) -> Imported:
    """What files say that were measured on one device.

    Args:
        paths: files of the web page, or of `benchmark_model`; several of one program are rounds of one measurement.
        device: the device's name; None: as the files say.

    Raises:
        PinchError: a file cannot be read or is of no known form, they are of several devices or programs, or nothing
            tells the device's name.
    """
    found = [_read(Path(path), device) for path in paths]
    first = found[0]
    for path, other in zip(paths, found, strict=True):
        if (other.source, other.device.name) != (first.source, first.device.name):
            raise PinchError(
                f"{path} was measured by {other.source} on {other.device.name}, {paths[0]} by {first.source} on "
                f"{first.device.name}: give them separately, or name the device"
            )
    files = [measured for each in found for measured in each.files]
    curve = [moment for each in found for moment in each.curve]
    is_phone = any(each.device.is_phone for each in found)
    return dataclasses.replace(
        first, device=dataclasses.replace(first.device, is_phone=is_phone), files=files, curve=curve
    )


def _read(path: Path, name: str | None) -> Imported:
    text = _text(path)
    if text.lstrip().startswith(("{", "[")):
        try:
            found = page.read(str(path), json.loads(text))
        except json.JSONDecodeError as error:
            raise PinchError(f"{path} is not JSON ({error}): save the page's file again") from error
        found = dataclasses.replace(found, device=dataclasses.replace(found.device, name=name or found.device.name))
    elif benchmark_model.is_output(text):
        if not name:
            raise PinchError(f"{path}: benchmark_model does not tell on which device it ran: name the device")
        device = Device(name=name, is_phone=benchmark_model.is_android(text))
        source = benchmark_model.SOURCE
        found = Imported(device=device, source=source, files=benchmark_model.read(str(path), text))
    else:
        raise PinchError(
            f"{path} holds no times: give what Pinch's web page saved, or what LiteRT's benchmark_model printed"
        )
    _require_name(path, found.device.name)
    if not found.files:
        raise PinchError(f"{path} holds no times of any model: measure again")
    return found


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        # What PowerShell redirects into a file.
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise PinchError(f"{path} cannot be read ({reason}): give a file of measured times") from error


def _require_name(path: Path, name: str) -> None:
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise PinchError(f"{path}: the device's name {name!r} is not one line of 1 to {LONGEST_NAME} characters")
    if name in DEVICES:
        raise PinchError(f"{path}: the device cannot be called {name}, which is this computer's: give another name")
