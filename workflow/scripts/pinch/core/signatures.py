"""Functions that are asked for their arguments more often than they are called."""

import functools
import inspect
from collections.abc import Callable
from typing import Any


def signed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with its signature at hand.

    Snakemake asks for the arguments of each function in a rule, several times for each job. Finding them takes longer
    than most of these functions do: ten times as long for a method, and five times for another function, as for these.
    """

    @functools.wraps(function)
    def same(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    same.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return same
