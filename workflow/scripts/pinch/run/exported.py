"""Which models of a run are exported."""

from collections.abc import Sequence

from pinch.core.errors import PinchError
from pinch.run.identity import METHODS, Model


def models(wanted: str | Sequence[str], base: Model, twin: Sequence[Model], tuned: Sequence[Model]) -> list[Model]:
    """The models that `export.models` lists.

    Args:
        wanted: "all", or names such as "base", "base tuned", "coarse 0.5", "width 0.5", "size 320".
        base: the base.
        twin: the base's twin, if there is one.
        tuned: pruned models and rivals, tuned.

    Returns:
        In the order of the list; for "all" the base and all tuned models.

    Raises:
        PinchError: a name is none of this run's models.
    """
    if wanted == "all":
        return [base, *tuned]
    twins = [("base tuned", model) for model in twin]
    known = dict([("base", base), *twins, *((_name(model), model) for model in tuned)])
    names = [_as_written(name) for name in wanted]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise PinchError(f"export.models: {unknown[0]!r} is none of {list(known)}")
    return [known[name] for name in names]


def _name(model: Model) -> str:
    """Pruned models by what is removed, rivals by what is left."""
    if model.method in METHODS:
        return f"{model.method} {model.ratio:g}"
    return f"{model.method} {model.imgsz or f'{1 - model.ratio:g}'}"


def _as_written(name: str) -> str:
    """A name with its number as `_name` writes it: "coarse .50" is "coarse 0.5"."""
    if name.startswith(("base", "size")):
        return name
    method, number = name.split()
    return f"{method} {float(number):g}"
