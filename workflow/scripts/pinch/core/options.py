"""An option is declared once: a field of a settings dataclass, made by `option`, says its default, limits and help.

Its type is the field's annotation: int, float, str, bool, Path or dict, `... | None`, or a tuple of them. The arguments
of commands and rules follow from it in `pinch.core.arguments`, the schema and the tables of config/README.md in
`pinch.run.reference`. This module and the declarations (`pinch.run.settings`) import nothing heavy, since every
`--help` needs them.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

CONFIG, COMMAND = "config", "command"
"""Where an option applies: it is a key of the configuration, an argument of a command, or (by default) both."""

REASONS = {
    "enum": "{value} is none of {limit}",
    "minimum": "{value} is less than {limit}",
    "exclusiveMinimum": "{value} must be greater than {limit}",
    "maximum": "{value} is greater than {limit}",
    "exclusiveMaximum": "{value} must be less than {limit}",
    "multipleOf": "{value} is not a multiple of {limit}",
}
"""What is wrong with a value, by the JSON-schema keyword of the limit that it breaks."""

_METADATA = "option"


@dataclass(frozen=True)
class Option:
    """One declared option.

    Attributes:
        name: of the field, and the key in the configuration.
        kind: int, float, str, bool, Path or dict: of the value, or of each item where there are many.
        default: MISSING where a value must be given.
        help: one sentence without its full stop; names of values stand in backticks.
        nullable: whether None is a value.
        many: whether the value is a tuple.
        count: items of a tuple of fixed length.
        limits: JSON-schema keywords that bound a number (see REASONS) and their limits.
        choices: the values allowed; all of the type where empty.
        pattern: a regular expression for strings in the configuration.
        flag: of the command line.
        where: CONFIG, COMMAND, or both.
        schema: replaces the JSON schema that follows from the rest but for default and description.
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
        """Whether a tuple without items is allowed: a list that holds something by default must hold something."""
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
        default: without one a value must be given.
        help: one sentence without its full stop.
        minimum: least value, or least of each item.
        above: all values are greater than this.
        maximum: greatest value.
        below: all values are less than this.
        multiple_of: all values are multiples of this.
        choices: the values allowed.
        pattern: of strings.
        flag: of the command line, if it is not the field's name.
        where: CONFIG or COMMAND if it applies there only.
        schema: the JSON schema of a value that none of the types describes.
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
    """The options that a settings dataclass declares, in their order; fields of its own that are none are left out."""
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
    # What is left out of a command line must mean the same as what a rule leaves out.
    assert not nullable or field.default is None, f"{field.name} may be None, so None must be its default"
    assert hint is not bool or field.default is False, f"{field.name} is a flag, so its default must be False"
    return Option(
        name=field.name,
        kind=typing.get_origin(items[0]) or items[0],
        default=field.default_factory() if field.default_factory is not MISSING else field.default,
        nullable=nullable,
        many=many,
        count=len(items) if many and ... not in items else None,
        **declared | {"flag": declared["flag"] or f"--{field.name.replace('_', '-')}"},
    )
