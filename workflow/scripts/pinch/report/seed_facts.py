"""What the report says of seeds: how far models differ that were made alike, but with other random numbers."""

from pinch.report.rows import Row
from pinch.run import comparing


def collect(means: list[Row]) -> Row | None:
    """How far pruned models and rivals differ over the seeds; None where each was made with a single one.

    Args:
        means: the rows of the table of means over seeds.

    Returns:
        `count`: how many seeds; `same_base`: whether all start from one base; `kept`: by the name of each of them the
        row of its mean; `widest`: of these, the one whose shares differ most, None without any.
    """
    several = [row for row in means if row["seeds"] > 1]
    if not several:
        return None
    base = comparing.base(means)
    kept = {row["model"]: row for row in several if row["kept"] is not None}
    return {
        "count": max(row["seeds"] for row in several),
        "same_base": base is not None and base["seeds"] == 1,
        "kept": kept,
        "widest": max(kept.values(), key=lambda row: row["kept_most"] - row["kept_least"], default=None),
    }
