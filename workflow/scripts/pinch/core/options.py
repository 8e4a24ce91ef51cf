"""An option is declared once: as a field of a settings dataclass, made by `option` with its default, limits and help.

Its type is the field's annotation: int, float, str, bool, Path or dict, `... | None`, or a tuple of them.
`pinch.core.arguments` makes the arguments of commands and rules from it, `pinch.run.reference` the schema and the
tables of config/README.md. This module and the declarations (`pinch.run.settings`) must not import large packages,
because every `--help` needs them.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

CONFIG, COMMAND = "config", "command"
"""Where an option applies: as a key of the configuration, as an argument of a command, or (by default) as both."""

REASONS = {
    "enum": "{value} is none of {limit}",
    "minimum": "{value} is less than {limit}",
    "exclusiveMinimum": "{value} must be greater than {limit}",
    "maximum": "{value} is greater than {limit}",
    "exclusiveMaximum": "{value} must be less than {limit}",
    "multipleOf": "{value} is not a multiple of {limit}",
}
"""What is wrong with a value, by the JSON-schema keyword of the limit that it violates."""

_METADATA = "option"


@dataclass(frozen=True)
class Option:
    """One declared option.

    Attributes:
        name: of the field, and the key in the configuration.
        kind: int, float, str, bool, Path or dict; of the value or, if `many`, of each item.
        default: MISSING if a value must be given.
        help: one sentence without its full stop; names of values are in backticks.
        nullable: whether None is allowed.
        many: whether the value is a tuple.
        count: items of a tuple of fixed length.
        limits: JSON-schema keywords that bound a number (see REASONS) and their limits.
        choices: the values allowed; empty: all of the type.
        pattern: a regular expression for strings in the configuration.
        flag: of the command line.
        where: CONFIG, COMMAND, or both.
        schema: replaces the JSON schema that is made from the other attributes, except default and description.
    """

    name: str
    kind: type
    default: Any
    help: str
    nullable: bool = False
    many: bool = False
    count: int | None = None
    limits: Mapping[str, float] = dataclasses.field(default_factory=dict)
    choices: tuple[Any, ...] = ()
    pattern: str = ""
    flag: str = ""
    where: tuple[str, ...] = (CONFIG, COMMAND)
    schema: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def may_be_empty(self) -> bool:
        """Whether a tuple without items is allowed: only if the default is empty, too."""
        return not self.default


def option(
    default: Any = MISSING,
    *,
    help: str,
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
    multiple_of: int | None = None,
    choices: tuple[Any, ...] = (),
    pattern: str = "",
    flag: str = "",
    where: str | None = None,
    schema: Mapping[str, Any] | None = None,
) -> Any:
    """A field of a settings dataclass (frozen, kw_only) that declares an option; see `Option`.

    Args:
        default: the default; without one, a value must be given.
        help: one sentence without its full stop.
        minimum: lower limit, allowed itself. This and the other limits apply to the value or to each item.
        above: lower limit, not allowed itself.
        maximum: upper limit, allowed itself.
        below: upper limit, not allowed itself.
        multiple_of: values must be multiples of this.
        choices: the values allowed.
        pattern: regular expression that strings must match.
        flag: of the command line, if it is not the field's name.
        where: CONFIG or COMMAND, if the option applies only there.
        schema: the JSON schema of a value that the types cannot describe.
    """
    bounds = {
        "minimum": minimum,
        "exclusiveMinimum": above,
        "maximum": maximum,
        "exclusiveMaximum": below,
        "multipleOf": multiple_of,
    }
    declared = {
        "help": help,
        "limits": {keyword: limit for keyword, limit in bounds.items() if limit is not None},
        "choices": choices,
        "pattern": pattern,
        "flag": flag,
        "where": (where,) if where else (CONFIG, COMMAND),
        "schema": schema or {},
    }
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata={_METADATA: declared})
    return dataclasses.field(default=default, metadata={_METADATA: declared})


def changed(declaration: type, name: str, default: Any) -> Any:
    """The option `name` of another declaration, with another default."""
    original = declaration.__dataclass_fields__[name]  # type: ignore[attr-defined]
    return dataclasses.field(default=default, metadata=original.metadata, kw_only=True)


@functools.cache
def options_of(declaration: type) -> tuple[Option, ...]:
    """The options that a settings dataclass declares, in their order, without its other fields."""
    hints = typing.get_type_hints(declaration)
    return tuple(
        _declared(field, hints[field.name]) for field in dataclasses.fields(declaration) if _METADATA in field.metadata
    )


def _declared(field: dataclasses.Field, hint: Any) -> Option:
    declared = dict(field.metadata[_METADATA])
    nullable = typing.get_origin(hint) in (types.UnionType, typing.Union) and type(None) in typing.get_args(hint)
    if nullable:
        (hint,) = set(typing.get_args(hint)) - {type(None)}
    many = typing.get_origin(hint) is tuple
    items = typing.get_args(hint) if many else (hint,)
    # Rules leave out None, false and empty values, so an argument that is left out must mean the same.
    assert not nullable or field.default is None, f"{field.name} may be None, so None must be its default"
    is_flag = hint is bool and COMMAND in declared["where"]
    assert not is_flag or field.default is False, f"{field.name} is a flag, so its default must be False"
    return Option(
        name=field.name,
        kind=typing.get_origin(items[0]) or items[0],
        default=field.default_factory() if field.default_factory is not MISSING else field.default,
        nullable=nullable,
        many=many,
        count=len(items) if many and ... not in items else None,
        **declared | {"flag": declared["flag"] or f"--{field.name.replace('_', '-')}"},
    )
