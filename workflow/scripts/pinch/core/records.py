"""Records: one JSON file per measurement, with where and how it was made.

    {"kind": "accuracy", "result": {...}, "provenance": {...}}

`result` is a value of one of `pinch.core.record_types`, `kind` is that type's, and `provenance` says on what, with what
and when it was measured.
"""

import json
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from pinch.core.errors import PinchError
from pinch.core.files import read_json, write_text
from pinch.core.provenance import Provenance, current
from pinch.core.record_types.base import Record
from pinch.core.typed_json import MismatchError, NotFiniteError, from_json, to_json

R = TypeVar("R", bound=Record)


class Stored(NamedTuple, Generic[R]):
    """What a file holds: a record and how it was made."""

    value: R
    provenance: Provenance


def write(path: str | Path, value: Record, seed: int | None = None, data: str | None = None) -> None:
    """Write a record, made by this process with a seed and from a data set with this digest, or nothing at all.

    Raises:
        PinchError: a number in it is NaN or infinite.
    """
    text = json.dumps(content(Stored(value, current(seed, data))), indent=2)
    try:
        # As it will be read: a subclass of str, such as PyTorch's own version, is text there.
        _stored(type(value), json.loads(text))
    except NotFiniteError as error:
        raise PinchError(
            f"{path} is not written because {error}, which is no measurement: look at the messages above, and at what "
            "was measured"
        ) from error
    write_text(path, f"{text}\n")


def content(stored: Stored[Any]) -> dict[str, Any]:
    """A record with its provenance as JSON."""
    value, provenance = stored
    return {"kind": value.kind, "result": to_json(value), "provenance": to_json(provenance)}


def read(path: str | Path, wanted: type[R]) -> Stored[R]:
    """Read a record of a type.

    What the type does not know is left out, and what an older record lacks has its default, if there is one.

    Raises:
        PinchError: it is missing, not JSON, not a record, of another kind, lacks what this version needs, or has a
            number that is NaN or infinite.
    """
    found = read_json(path)
    if not isinstance(found, dict) or not {"kind", "result", "provenance"} <= found.keys():
        raise PinchError(f"{path} is not a record of Pinch: delete it and run again")
    if found["kind"] != wanted.kind:
        raise PinchError(f"{path} is a record of kind {found['kind']}, not {wanted.kind}: delete it and run again")
    try:
        return _stored(wanted, found)
    except NotFiniteError as error:
        raise PinchError(f"{path} holds no measurement ({error}): delete it and run again") from error
    except MismatchError as error:
        raise PinchError(
            f"{path} is a record of an earlier version of Pinch ({error}): delete it and run the workflow again, or "
            f"make it with {wanted.made_by}"
        ) from error


def _stored(kind: type[R], made: dict[str, Any]) -> Stored[R]:
    return Stored(from_json(kind, made["result"]), from_json(Provenance, made["provenance"]))
