"""What several kinds of record have."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Record:
    """The base of all records."""

    kind: ClassVar[str]
    """What it is a record of, as the file says."""
    made_by: ClassVar[str]
    """The commands that write it."""


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """What a file is, see `pinch.run.identity`.

    Attributes:
        file: its name.
        model, method, ratio, tuned: the model in it; the last three are None in older records, which did not say.
        format: of the registry, or "pt".
        precision: None for checkpoints, and where a file from outside does not say.
        imgsz: side of the input in pixels.
        sha256: of the file; of a folder, over the names and contents of its files. None in older records.
    """

    file: str
    model: str
    method: str | None = None
    ratio: float | None = None
    tuned: bool | None = None
    format: str
    precision: str | None
    imgsz: int
    sha256: str | None = None
