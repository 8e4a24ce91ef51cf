"""Dataclasses to and from JSON: nested ones, lists, dictionaries with text keys, and values that may be None."""

import dataclasses
import functools
import math
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")


class MismatchError(Exception):
    """JSON does not fit a type. The message says where, as part of a sentence: "it has no splits.val.map50"."""


class NotFiniteError(Exception):
    """A number is NaN or infinite. The message says which, as part of a sentence: "its splits.val.map50 is nan"."""


def to_json(value: Any) -> dict[str, Any]:
    """A dataclass as what `json` writes, every field under its name."""
    return dataclasses.asdict(value)


def from_json(kind: type[T], content: Any) -> T:
    """The value of a dataclass that JSON describes.

    Keys that the dataclass does not have are ignored; a field whose key is missing has its default.

    Raises:
        MismatchError: a field without a default has no key, or a value is of another type.
        NotFiniteError: a number is NaN or infinite, as Python writes it though JSON has no such numbers.
    """
    return _convert(kind, content, "")


def _convert(kind: Any, content: Any, where: str) -> Any:
    if kind is Any or (kind is types.NoneType and content is None):
        return content
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, _of_type(dict, content, where), where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        (inner,) = (argument for argument in arguments if argument is not types.NoneType)
        return None if content is None else _convert(inner, content, where)
    if origin is list:
        items = _of_type(list, content, where)
        # As it is: there are lists of very many numbers.
        if set(map(type, items)) <= {arguments[0]} and (arguments[0] is not float or all(map(math.isfinite, items))):
            return items
        return [_convert(arguments[0], item, f"{where}.{index}") for index, item in enumerate(items)]
    if origin is dict:
        pairs = _of_type(dict, content, where).items()
        return {key: _convert(arguments[1], item, f"{where}.{key}") for key, item in pairs}
    # JSON written by others may have a whole number where any number is meant.
    value = float(content) if kind is float and type(content) is int else _of_type(kind, content, where)
    if kind is float and not math.isfinite(value):
        raise NotFiniteError(f"its {where[1:]} is {value}")
    return value


def _dataclass(kind: Any, content: dict[str, Any], where: str) -> Any:
    hints, values = _hints(kind), {}
    for field in dataclasses.fields(kind):
        place = f"{where}.{field.name}"
        if field.name in content:
            values[field.name] = _convert(hints[field.name], content[field.name], place)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise MismatchError(f"it has no {place[1:]}")
    return kind(**values)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _of_type(kind: type, content: Any, where: str) -> Any:
    if type(content) is not kind:
        raise MismatchError(f"its {where[1:] or 'content'} is of another type")
    return content
