"""A choice in words: why this file, what comes second, what the limits cost, and what is lacking."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pinch.core.text import listed
from pinch.run.settings.choosing import LIMITS, Preference, Want
from pinch.tables.choice.deciding import Choice, scores, scores_over, shortfall
from pinch.tables.choice.noise import EXACT, Figures


def cells(figures: Figures, want: Want, made: Choice, without: Mapping[str, Choice]) -> dict[str, Any]:
    """What the table says of a choice, besides the figures of the chosen file.

    Args:
        figures: of the files among which it was made.
        want: what it was made for.
        made: the choice.
        without: for each limit the choice without it.
    """
    runner_up = _runner_up(figures, made)
    return {
        "want": want.name,
        "reason": _reason(figures, want, made, without),
        "qualifies": made.qualifies,
        "certain": made.is_certain,
        "runner_up": None if runner_up is None else _file(figures, runner_up),
        "runner_up_note": _runner_up_note(figures, want, made, runner_up),
        "price": " ".join(_price(figures, made, name, other) for name, other in without.items()) or None,
        "nearest": None if made.qualifies else _nearest(figures, want, made),
    }


def _reason(figures: Figures, want: Want, made: Choice, without: Mapping[str, Choice]) -> str:
    row, proxy = figures.row(made.chosen), want.proxy_for
    said = f"{_why(figures, want, made)}: {described(row, is_timed=not proxy)}{_binding(made, without)}"
    if not proxy:
        return said
    return f"{said}; {proxy} was not measured, so accuracy, MACs and size decide, and no time of this computer"


def _why(figures: Figures, want: Want, made: Choice) -> str:
    words = made.preference.words
    limits = listed([limit.said(value) for limit, value in want.limits.values()])
    if made.preference is not want.preference:
        return f"{words} of {len(figures)} files, because nothing tells the {want.preference.words} here"
    if not made.qualifies:
        return f"nearest of {len(figures)} files, none of which has {limits}"
    count, tied = int(made.meets.sum()), int(made.ties.sum())
    if count == 1 and len(figures) > 1:
        return f"only one of {len(figures)} files with {limits}"
    of = f"of {len(figures)} files"
    if want.limits:
        of = f"{of}, all with {limits}" if count == len(figures) else f"of the {count} {of} with {limits}"
    if tied == 1:
        return f"{words} {of}"
    columns = [column for column, _ in made.preference.terms]
    if columns == ["macs"]:
        return f"{words}, and the smallest download of {tied} with as many, {of}"
    if all(column in EXACT for column in columns):
        return f"{words}, and the simplest of {tied} of that size, {of}"
    return f"smallest download of {tied} files that the noise cannot tell from the {words} {of}"


def _binding(made: Choice, without: Mapping[str, Choice]) -> str:
    names = binding(made, without)
    if not names:
        return ""
    return f"; the binding limit{'s are' if len(names) > 1 else ' is'} on {_nouns(names)}"


def binding(made: Choice, without: Mapping[str, Choice]) -> list[str]:
    """The limits without each of which another file would be chosen."""
    return [name for name, other in without.items() if made.qualifies and other.chosen != made.chosen]


def described(row: Mapping[str, Any], is_timed: bool = True) -> str:
    """The figures of a file that matter for most choices; without its time, its multiply-accumulates."""
    zipped = row["bytes_zipped"] / 1e6
    cost = f"{_time(row)} per frame" if is_timed else f"{row['macs'] / 1e6:.0f} million MACs"
    return f"{cost}, {row['kept']:.1%} of the unpruned model's mAP50-95 on val, {zipped:.2f} MB zipped"


def _time(row: Mapping[str, Any]) -> str:
    baseline = row["baseline_file"]
    if isinstance(baseline, str) and baseline != row["file"]:
        return f"{row['p50_ms']:.2f} ms ({row['relative_time']:.2f} of {baseline})"
    return f"{row['p50_ms']:.2f} ms"


def why_each(figures: Figures, want: Want, made: Choice, without: Mapping[str, Choice]) -> list[str]:
    """For each file why it is chosen, or why it is not."""
    said = []
    for index in range(len(figures)):
        missed = [name for name, (limit, value) in want.limits.items() if shortfall(figures, limit, value)[index] > 0]
        if index == made.chosen:
            said.append(_reason(figures, want, made, without))
        elif missed:
            said.append(f"misses the limit on {_nouns(missed)}")
        elif made.ties[index]:
            change = _change(figures, made.preference, made.chosen, index)
            said.append(f"{change} than the chosen file, within the noise, but a larger download")
        else:
            said.append(f"{_change(figures, made.preference, made.chosen, index)} than the chosen file")
    return said


def _runner_up(figures: Figures, made: Choice) -> int | None:
    """The best of the rivals; without any, the best of the other files that meet all limits."""
    others = made.rivals if made.rivals.any() else made.meets & (np.arange(len(figures)) != made.chosen)
    if not others.any():
        return None
    return int(np.where(others, np.nan_to_num(scores(figures, made.preference), nan=-np.inf), -np.inf).argmax())


def _runner_up_note(figures: Figures, want: Want, made: Choice, runner_up: int | None) -> str | None:
    if not made.qualifies:
        return None
    said = [_doubt(figures, made, name) for name in made.doubts]
    if runner_up is not None:
        # What makes it a toss-up comes first.
        said.insert(0 if made.rivals.any() else len(said), _difference(figures, want, made, runner_up))
    toss_up = "" if made.is_certain else "A toss-up: "
    return f"{toss_up}{'; '.join(said)}" if said else "No other file meets all limits"


def _doubt(figures: Figures, made: Choice, name: str) -> str:
    limit = LIMITS[name]
    if figures.of(limit.column).beyond[made.chosen]:
        return f"nothing tells how large the noise of {limit.noun} is, which is limited"
    return f"the chosen file itself meets the limit on {limit.noun} by no more than the noise"


def _difference(figures: Figures, want: Want, made: Choice, other: int) -> str:
    """How far another file is behind or ahead, and whether the noise could explain it."""
    over = scores_over(figures, made.preference, made.chosen)
    noise, beyond = float(np.expm1(over.reach(made.alpha)[other])), float(over.beyond[other])
    said = f"{_file(figures, other)} is {_change(figures, made.preference, made.chosen, other)}"
    if made.rivals[other] and not made.meets[other]:
        missed = [n for n, (limit, value) in want.limits.items() if shortfall(figures, limit, value)[other] > 0]
        return f"{said}, and misses the limit on {_nouns(missed)} by no more than the noise"
    if np.isinf(beyond):
        return f"{said}, and nothing tells how large the noise is"
    if noise == beyond == 0:
        return said
    is_within = over.value[other] + np.log1p(noise) > 0
    crowded = "; this is not certain, because others kept the machine busy" if beyond and made.rivals[other] else ""
    return f"{said}, {'within' if is_within else 'more than'} the noise of {noise:.1%}{crowded}"


def _change(figures: Figures, preference: Preference, one: int, other: int) -> str:
    """How the other file compares with the one in what is preferred, as measured."""
    score, sign = scores(figures, preference), np.sign(preference.terms[0][1])
    ratio = float(np.expm1(sign * (score[other] - score[one])))
    if ratio == 0:
        return f"neither {preference.less} nor {preference.more}"
    return f"{abs(ratio):.1%} {preference.more if sign * ratio > 0 else preference.less}"


def _price(figures: Figures, made: Choice, name: str, other: Choice) -> str:
    """What a limit costs."""
    limit = f"he limit on {LIMITS[name].noun}"
    if not other.qualifies:
        return f"Without t{limit}, no file would meet the others."
    if other.chosen == made.chosen:
        return f"T{limit} costs nothing." if made.qualifies else f"Without t{limit}, it would meet all others."
    change = _change(figures, made.preference, made.chosen, other.chosen)
    return f"Without t{limit} it would be {_file(figures, other.chosen)}, {change}."


def _nearest(figures: Figures, want: Want, made: Choice) -> str:
    """By how much each limit that the nearest file misses would have to give."""
    said = []
    if made.preference is not want.preference:
        said.append(f"what {want.prefer} needs was not measured")
    for limit, value in want.limits.values():
        missed = shortfall(figures, limit, value)[made.chosen]
        if np.isinf(missed):
            said.append(f"{limit.noun} was not measured")
        elif missed > 0:
            figure = limit.shown(figures.points(limit.column)[made.chosen])
            said.append(f"the limit on {limit.noun} would have to give from {limit.given(value)} to {figure}")
    return "; ".join(said)


def _file(figures: Figures, index: int) -> str:
    return str(figures.rows["file"][index])


def _nouns(names: list[str]) -> str:
    return listed([LIMITS[name].noun for name in names])
