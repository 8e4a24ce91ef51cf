"""How HaGRID is converted."""

from dataclasses import dataclass

from pinch.run.settings.data import General, Hagrid


@dataclass(frozen=True, kw_only=True)
class ConversionSettings(Hagrid):
    """The declared options, and what the command line adds to them.

    Attributes:
        seed: for `limit`, `max_idle`, the division of backgrounds and, if there is no val phase, the users of val.
        skip_broken: leave out images that cannot be decoded instead of raising an error.
        copy: copy images instead of linking to their folders.
    """

    seed: int = General.seed
    skip_broken: bool = False
    copy: bool = False
