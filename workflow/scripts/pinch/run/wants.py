"""Wants: read from a configuration or from arguments, and checked before anything runs."""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from pinch.core import schema
from pinch.core.errors import PinchError
from pinch.run import reference
from pinch.run.identity import Timing
from pinch.run.settings.choosing import USUAL, Want

_FLAG = "--want"


def read(said: Sequence[Mapping[str, Any]]) -> tuple[Want, ...]:
    """The wants of a configuration.

    Args:
        said: the list `select`, with or without defaults.

    Raises:
        PinchError: a want is not what the schema allows, or two have one name.
    """
    values = {"select": [dict(want) for want in said]}
    schema.validate(values, reference.schema_of_key("select"))
    wants = tuple(_want(want) for want in values["select"])
    names = [want.name for want in wants]
    for name in names:
        if names.count(name) > 1:
            raise PinchError(f"select: two wants are called {name!r}: give each a name of its own")
    return wants


def _want(said: Mapping[str, Any]) -> Want:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    return Want(**values)


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that takes wants to a command; `from_arguments` reads it."""
    parser.add_argument(
        _FLAG,
        dest="wants",
        action="append",
        metavar="WANT",
        help="a want as YAML, with the keys of an entry of `select` in a configuration (see config/README.md), such as "
        "'{name: small, prefer: smallest, kept: 0.97}'; may be given several times (default: the usual five)",
    )


def from_arguments(arguments: argparse.Namespace) -> tuple[Want, ...]:
    """The wants that a command line gives, or the usual ones.

    Raises:
        PinchError: one of them is wrong.
    """
    return read([_mapping(text) for text in arguments.wants]) if arguments.wants else USUAL


def arguments(wants: Iterable[Want]) -> list[str]:
    """The arguments by which a rule passes wants to its command, not yet quoted."""
    return [text for want in wants for text in (_FLAG, json.dumps(reference.said(want)))]


def _mapping(text: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PinchError(f"{_FLAG} {text!r} is not YAML: write it like '{{name: fast, prefer: fastest}}'") from error
    if not isinstance(found, dict):
        raise PinchError(f"{_FLAG} {text!r} has no keys: write it like '{{name: fast, prefer: fastest}}'")
    return found


def require_timed(
    wants: Iterable[Want], timings: Sequence[Timing], phones: Sequence[tuple[str, int, str]] = ()
) -> None:
    """Refuse wants for which the run times no file, but for the usual ones, which are for whatever it times.

    Args:
        wants: of the configuration.
        timings: all of the run. Which processors they run on is not known before.
        phones: the unit ("cpu", "gpu" or "npu"), thread count and format of each file that was timed on a phone.

    Raises:
        PinchError: a want asks for a device, a thread count or a format that nothing is timed with, or limits what
            nothing tells of a device that was not measured.
    """
    for want in (want for want in wants if timings and want not in USUAL):
        if any(want.is_met_by_phone(unit, threads, [format]) for unit, threads, format in phones):
            continue
        require_knowable(want)
        devices = sorted({timing.device for timing in timings})
        _require(want, "device", want.device, devices, "measure.devices")
        here = [timing for timing in timings if want.device in (None, timing.device)]
        _require(want, "threads", want.threads, sorted({timing.threads for timing in here}), "measure.threads")
        here = [timing for timing in here if want.threads in (None, timing.threads)]
        timed = list(dict.fromkeys(timing.artifact.format.name for timing in here))
        if not any(want.takes(format) for format in timed):
            raise PinchError(
                f"select: {want.name}: no file of the formats {', '.join(want.formats)} is timed there (only "
                f"{', '.join(timed)}): change formats, or add such files to export.artifacts"
            )


def require_knowable(want: Want) -> None:
    """Refuse limits of times, memory and energy for a device that was not measured.

    Raises:
        PinchError: the want has one.
    """
    if want.unknowable:
        raise PinchError(
            f"select: {want.name}: {want.unknowable[0]}: nothing tells that of {want.proxy_for}, which was not "
            "measured: leave out the limit or proxy_for, or measure there and name the files in measure.imported"
        )


def _require(want: Want, key: str, value: Any, known: Sequence[Any], where: str) -> None:
    if value is not None and value not in known:
        raise PinchError(
            f"select: {want.name}: {key}: nothing is timed with {value} (only with {', '.join(map(str, known))}): "
            f"change it, or add it to {where}{' or measure.imported' if key == 'device' else ''}"
        )
