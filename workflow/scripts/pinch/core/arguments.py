"""Arguments of commands, and of the rules that call them, made from declared options."""

import argparse
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from pinch.core.options import COMMAND, CONFIG, REASONS, Option, options_of

_WITHIN = {
    "minimum": lambda value, limit: value >= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
    "multipleOf": lambda value, limit: value % limit == 0,
}
_ALLOWED = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
}
_KINDS = {int: "a whole number", float: "a number"}
Settings = TypeVar("Settings")


def add_arguments(
    parser: argparse.ArgumentParser,
    declaration: type,
    *,
    only: Collection[str] = (),
    without: Collection[str] = (),
    unset: Mapping[str, str] | None = None,
) -> None:
    """Add declared options to a command, with their types, limits, defaults and help.

    Args:
        parser: of the command.
        declaration: a settings dataclass.
        only: names of the options wanted; empty: all.
        without: names of options that the command does not have.
        unset: options whose default here is None, with the text that the help shows as the default.
    """
    for declared in _chosen(declaration, only, without):
        _add(parser, declared, (unset or {}).get(declared.name))


def from_arguments(declaration: type[Settings], arguments: argparse.Namespace, **others: Any) -> Settings:
    """The settings that a command line gives.

    Args:
        declaration: a settings dataclass, or one that inherits from some.
        arguments: from a parser that `add_arguments` filled; options that it does not have keep their defaults.
        others: fields of the dataclass that are no options, and options that the command sets itself.
    """
    said = {}
    for declared in options_of(declaration):  # type: ignore[arg-type]
        if hasattr(arguments, declared.name):
            value = getattr(arguments, declared.name)
            convert = dict if declared.kind is dict else tuple if declared.many and value is not None else None
            said[declared.name] = convert(value) if convert else value
    return declaration(**said | others)


def changed_options(declaration: type, values: argparse.Namespace | Mapping[str, Any]) -> list[Option]:
    """The options whose values are not their defaults, of those that have a value.

    Args:
        declaration: a settings dataclass.
        values: by the options' names: a command line, or a section of the configuration.
    """
    given = values if isinstance(values, Mapping) else vars(values)
    known = [(each, given[each.name]) for each in options_of(declaration) if each.name in given]
    # A configuration has lists in place of tuples.
    return [each for each, value in known if (tuple(value) if each.many else value) != each.default]


def rule_arguments(
    declaration: type,
    values: Mapping[str, Any],
    *,
    only: Collection[str] = (),
    without: Collection[str] = (),
) -> list[str]:
    """The arguments by which a rule passes a section of the configuration to its command, not yet quoted.

    Args:
        declaration: a settings dataclass.
        values: the section with all its keys; None, false and empty values give no argument.
        only: names of the options wanted; empty: all.
        without: names of options that the rule passes in another way.
    """
    arguments: list[str] = []
    for declared in _chosen(declaration, only, without):
        if CONFIG in declared.where:
            arguments += _said(declared, values[declared.name])
    return arguments


def plain(text: str) -> str:
    """Help without the backticks that mark names of values in config/README.md."""
    return text.replace("`", "")


def _chosen(declaration: type, only: Collection[str], without: Collection[str]) -> Iterator[Option]:
    """The options of the command line: those in `only` (empty: all), but not those in `without`."""
    known = {declared.name for declared in options_of(declaration)}
    assert {*only, *without} <= known, f"{declaration.__name__} declares {sorted(known)}"
    for declared in options_of(declaration):
        if COMMAND in declared.where and (not only or declared.name in only) and declared.name not in without:
            yield declared


def _add(parser: argparse.ArgumentParser, declared: Option, unset: str | None) -> None:
    text = plain(declared.help).replace("%", "%%")
    if declared.kind is bool:
        parser.add_argument(declared.flag, dest=declared.name, action="store_true", help=text)
        return
    arguments: dict[str, Any] = {"type": _reader(declared), "default": declared.default, "help": text}
    if unset is not None:
        arguments |= {"default": None, "help": f"{text} (default: {unset})"}
    if declared.choices:
        arguments["choices"] = declared.choices
    if declared.many or declared.kind is dict:
        arguments["nargs"] = declared.count or "+"
    if declared.kind is dict:
        arguments["metavar"] = "KEY=VALUE"
    parser.add_argument(declared.flag, dest=declared.name, **arguments)


def _reader(declared: Option) -> Any:
    """The function that turns the text of an argument into its value, or into one item of it."""
    if declared.kind is dict:
        return _pair

    def read(text: str) -> Any:
        try:
            value = declared.kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text} is not {_allowed(declared)}") from None
        for keyword, limit in declared.limits.items():
            if not _WITHIN[keyword](value, limit):
                reason = REASONS[keyword].format(value=text, limit=limit)
                raise argparse.ArgumentTypeError(f"{reason}: give {_allowed(declared)}")
        return value

    return read


def _allowed(declared: Option) -> str:
    limits = [_ALLOWED[keyword].format(limit) for keyword, limit in declared.limits.items()]
    return ", ".join([_KINDS[declared.kind], *limits])


def _pair(text: str) -> tuple[str, Any]:
    import yaml

    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, yaml.safe_load(value)


def _said(declared: Option, value: Any) -> list[str]:
    """One option with its value as arguments; empty if there is no value."""
    if declared.kind is bool:
        return [declared.flag] if value else []
    if declared.kind is dict:
        values = [f"{key}={entry}" for key, entry in value.items()]
    elif declared.many and not isinstance(value, str):
        values = [str(item) for item in value]
    else:
        values = [] if value is None else [str(value)]
    return [declared.flag, *values] if values else []
