"""The entries of `measure.imported` in a configuration: one device each, and a record of its own."""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinch.core.errors import PinchError
from pinch.core.text import first
from pinch.measuring.imported import reading
from pinch.measuring.imported.measured import Imported
from pinch.run.identity import Artifact, Timing


@dataclass(frozen=True)
class Entry:
    """An entry.

    Attributes:
        name: of its record: the name of the first file, without its suffix.
        files: as the configuration has them.
        device: its name; None: as the files say.
    """

    name: str
    files: tuple[str, ...]
    device: str | None

    @functools.cached_property
    def found(self) -> Imported | None:
        """What the files say, which are read when this is first asked for; None if one of them is not there yet.

        Raises:
            PinchError: a file is of no known form.
        """
        return reading.read(self.files, self.device) if all(Path(file).exists() for file in self.files) else None

    def timings(self, artifacts: Mapping[str, Artifact]) -> list[Timing]:
        """What was timed, of a run's artifacts by their names."""
        measured = self.found.files if self.found else []
        device = self.found.device.name if self.found else ""
        return [Timing(device, each.place.threads, artifacts[each.file]) for each in measured]

    def on_phone(self, artifacts: Mapping[str, Artifact]) -> list[tuple[str, int, str]]:
        """The same as unit, thread count and format, if the device is a phone."""
        measured = self.found.files if self.found and self.found.device.is_phone else []
        return [(each.place.unit, each.place.threads, artifacts[each.file].format.name) for each in measured]


def listed(said: Sequence[Mapping[str, Any]]) -> dict[str, Entry]:
    """The entries of a configuration, by their names; `said` is its list `measure.imported`. No file is read."""
    entries: dict[str, Entry] = {}
    for each in said:
        name = re.sub(r"[^\w.-]", "_", Path(each["files"][0]).stem)
        while name in entries:
            name += "_"
        entries[name] = Entry(name, tuple(each["files"]), each.get("device"))
    return entries


def require(entries: Iterable[Entry], artifacts: Mapping[str, Artifact]) -> None:
    """Refuse entries that cannot be used, as far as their files are there; `artifacts` are the run's, by their names.

    Raises:
        PinchError: a file is of no known form, is of another run, or two entries measured the same.
    """
    for number, entry in enumerate(entries):
        try:
            for measured in entry.found.files if entry.found else []:
                require_known(measured.path, measured.file, artifacts)
        except PinchError as error:
            raise PinchError(f"measure.imported[{number}]: {error}") from None
    _require_once(entries)


def require_known(path: str, file: str, artifacts: Mapping[str, Artifact]) -> None:
    """Refuse times of a file that a run does not have; `artifacts` are those that it has, by name.

    Raises:
        PinchError: it has none of this name.
    """
    if file not in artifacts:
        raise PinchError(
            f"{path}: {file} is no file of this run (it has {first(list(artifacts), 3)}): measure "
            "this run's files, or leave this one out"
        )


def _require_once(entries: Iterable[Entry]) -> None:
    """Refuse two entries for one place: their files are rounds of one measurement, or one of them is outdated."""
    seen: dict[tuple[Any, ...], Entry] = {}
    for entry in entries:
        for measured in entry.found.files if entry.found else []:
            assert entry.found
            key = entry.found.device.name, measured.place.name, measured.place.threads, measured.file
            other = seen.setdefault(key, entry)
            if other is not entry:
                raise PinchError(
                    f"measure.imported: {other.files[0]} and {measured.path} both have times of {measured.file} on "
                    f"{key[0]}: put the files into one entry, or leave one out"
                )
