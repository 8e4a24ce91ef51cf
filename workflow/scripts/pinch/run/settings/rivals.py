"""Options of the rivals of pruning."""

from dataclasses import dataclass

from pinch.core.options import CONFIG, option


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """Models that compete with pruned ones."""

    imgsz: tuple[int, ...] = option(
        (),
        help="image sizes, smaller than `train.imgsz`: the base is tuned at each, and exported at that size",
        minimum=32,
        multiple_of=32,
        where=CONFIG,
    )
    width: tuple[float, ...] = option(
        (),
        help="shares of the base's width (channels): a narrower network of its family, trained for `train.epochs` and "
        "the epochs of tuning, from weights that are evenly selected from the base's",
        above=0,
        below=1,
        where=CONFIG,
    )
    depth: tuple[float, ...] = option(
        (),
        help="shares of the base's residual blocks that are kept: those that change their input least are removed",
        above=0,
        below=1,
        where=CONFIG,
    )
