"""Where wants apply: those for a phone on the phones that were measured, or else by what is known without any time."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pinch.run.settings.choosing import BY_PROXY, Want


@dataclass(frozen=True)
class Place:
    """Where files were timed.

    Attributes:
        device, threads, processor: see the table of timings.
        phone_unit: on a phone, what computed ("cpu", "gpu" or "npu"); None elsewhere.
        formats: of the files that can be chosen there.
    """

    device: str
    threads: int
    processor: str
    phone_unit: str | None
    formats: frozenset[str]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Place":
        """The place of some timings, which are all of one."""
        first = rows.iloc[0]
        unit = None if pd.isna(first["phone_unit"]) else str(first["phone_unit"])
        formats = frozenset(rows["format"].astype(str))
        return cls(str(first["device"]), int(first["threads"]), processor_of(first), unit, formats)


def asked_at(wants: Sequence[Want], here: Place, places: Sequence[Place]) -> list[Want]:
    """The wants that apply at a place, of several.

    A want for a phone applies on each phone that was measured as it asks for, and nowhere else if there is one.
    """
    found = []
    for want in wants:
        phones = [place for place in places if _is_met(want, place)]
        if here in phones:
            found.append(_on_phone(want))
        elif not phones and want.runs_at(here.device, here.threads, here.processor):
            found.append(want)
    return found


def names(wants: Sequence[Want]) -> list[str]:
    """The names under which wants may be found, in their order."""
    return [name for want in wants for name in dict.fromkeys((want.name, _on_phone(want).name))]


def _is_met(want: Want, place: Place) -> bool:
    return place.phone_unit is not None and want.is_met_by_phone(place.phone_unit, place.threads, place.formats)


def _on_phone(want: Want) -> Want:
    """The same want where a phone was measured."""
    name = want.name.removesuffix(BY_PROXY)
    return dataclasses.replace(want, name=name, device=None, processor=None, proxy_for=None)


def processor_of(row: Mapping[str, Any] | pd.Series) -> str:
    """The name of the processor of a row; empty if it is not known."""
    return "" if pd.isna(row["processor"]) else str(row["processor"])
