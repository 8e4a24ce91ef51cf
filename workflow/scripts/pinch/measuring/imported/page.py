"""The times that the web page measures in a browser, as JSON: {"pinch_device_timings": 1, "device": {...}, ...}."""

import re
import statistics
from dataclasses import dataclass, field
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.record_types.imported import Device, Moment
from pinch.core.typed_json import MismatchError, NotFiniteError, from_json
from pinch.measuring.imported.measured import Imported, Measured, Place, Round

KEY, VERSION = "pinch_device_timings", 1
SOURCE = "Pinch's web page"
_BACKENDS = {"wasm": ("WebAssembly", "cpu"), "webgpu": ("WebGPU", "gpu")}
# Browsers name others besides themselves, so the first that is found here is the right one.
_BROWSERS = {
    "Edge": r"Edg\w*",
    "Samsung Internet": "SamsungBrowser",
    "Opera": "OPR",
    "Firefox": "Firefox|FxiOS",
    "Chrome": "HeadlessChrome|Chrome|CriOS",
    "Safari": r"Version(?=/[\d.]+.* Safari)",
}
# "Mobi" is what browsers of phones and most tablets have in common.
_PHONE = re.compile(r"Mobi|Android|iPhone|iPad")


@dataclass(frozen=True, kw_only=True)
class _Device:
    name: str
    user_agent: str
    platform: str
    cores: int | None = None
    memory_gb: float | None = None
    gpu: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Runtime:
    name: str
    version: str
    backend: str
    threads: int


@dataclass(frozen=True, kw_only=True)
class _Model:
    file: str
    sha256: str
    runtime: _Runtime
    load_ms: float | None = None
    first_ms: float | None = None
    rounds: list[list[float]]
    preprocess_ms: list[float] = field(default_factory=list)
    postprocess_ms: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Page:
    device: _Device
    measured_at: str
    models: list[_Model]
    curve: list[Moment] | None = None


def read(path: str, content: Any) -> Imported:
    """What the page measured.

    Args:
        path: the file, for messages.
        content: what it holds.

    Raises:
        PinchError: it is not from the page, of another version of it, or lacks something.
    """
    if not isinstance(content, dict) or KEY not in content:
        raise PinchError(f"{path} is not what Pinch's web page writes (it has no {KEY}): give the file that it saved")
    if content[KEY] != VERSION:
        raise PinchError(f"{path} is of version {content[KEY]!r} of the page, this Pinch reads version {VERSION}")
    try:
        page = from_json(_Page, content)
    except (MismatchError, NotFiniteError) as error:
        raise PinchError(f"{path} is not whole ({error}): measure again and save the file anew") from error
    told = page.device
    device = Device(
        name=told.name,
        is_phone=bool(_PHONE.search(f"{told.platform} {told.user_agent}")),
        system="; ".join(filter(None, (told.platform, told.user_agent))),
        cores=told.cores,
        memory_gb=told.memory_gb,
        gpu=told.gpu,
    )
    files = [_measured(path, model, told) for model in page.models]
    return Imported(
        device=device, source=SOURCE, measured_at=page.measured_at, files=files, curve=list(page.curve or [])
    )


def _measured(path: str, model: _Model, device: _Device) -> Measured:
    if model.runtime.backend not in _BACKENDS:
        raise PinchError(f"{path}: {model.file} ran on {model.runtime.backend!r}, none of {', '.join(_BACKENDS)}")
    backend, unit = _BACKENDS[model.runtime.backend]
    inferences = sum(map(len, model.rounds))
    if not model.rounds or not all(times and min(times) > 0 for times in model.rounds):
        raise PinchError(f"{path}: {model.file} has no times in one of its rounds: measure again")
    for step, times in (("preprocess_ms", model.preprocess_ms), ("postprocess_ms", model.postprocess_ms)):
        if len(times) not in (0, inferences):
            raise PinchError(f"{path}: {model.file} has {len(times)} {step} for {inferences} inferences: measure again")
    return Measured(
        path=path,
        file=model.file,
        sha256=model.sha256,
        place=Place(name=f"{_browser(device)}, {backend}", unit=unit, threads=_threads(model, unit)),
        runtime=model.runtime.name,
        version=model.runtime.version,
        rounds=[_round(times) for times in model.rounds],
        in_turns=True,
        load_ms=model.load_ms,
        first_ms=model.first_ms,
        preprocess_ms=model.preprocess_ms,
        postprocess_ms=model.postprocess_ms,
    )


def _threads(model: _Model, unit: str) -> int:
    return max(1, model.runtime.threads) if unit == "cpu" else 1


def _round(times: list[float]) -> Round:
    return Round(
        p50_ms=statistics.median(times),
        mean_ms=statistics.fmean(times),
        min_ms=min(times),
        count=len(times),
        samples=times,
    )


def _browser(device: _Device) -> str:
    """The browser with its major version, and the platform: "Chrome 142 on Android"."""
    on = f" on {device.platform}" if device.platform else ""
    for name, pattern in _BROWSERS.items():
        if found := re.search(rf"\b(?:{pattern})/(\d+)", device.user_agent):
            return f"{name} {found[1]}{on}"
    return f"browser{on}"
