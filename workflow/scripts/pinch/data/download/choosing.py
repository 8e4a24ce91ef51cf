"""Which pictures of a gesture are taken when not all are wanted."""

import hashlib
from collections.abc import Collection, Iterable, Mapping


def ordered(stems: Mapping[str, Iterable[str]], seed: int, gesture: str) -> list[tuple[str, str]]:
    """The annotated pictures of a gesture in the order in which they are taken.

    The first few of the list have a picture of each phase, and then of each phase about its share. The pictures of a
    smaller number are thus among those of a larger one.

    Args:
        stems: names of the annotated pictures by phase.
        seed: another seed gives another order.
        gesture: makes the order of each gesture its own.

    Returns:
        (phase, stem) of each picture.
    """
    ranked = []
    for place, (phase, found) in enumerate(stems.items()):
        shuffled = sorted(found, key=lambda stem: hashlib.sha256(f"{seed}/{gesture}/{stem}".encode()).digest())
        ranked += [(rank / len(shuffled), place, phase, stem) for rank, stem in enumerate(shuffled)]
    return [(phase, stem) for _, _, phase, stem in sorted(ranked)]


def chosen(order: list[tuple[str, str]], available: Collection[str], limit: int) -> list[tuple[str, str]]:
    """The first `limit` pictures of an order that are available."""
    return [(phase, stem) for phase, stem in order if stem in available][:limit]
