"""Validate nested settings against a JSON schema: fill in defaults, and report the first error in one sentence."""

import copy
from collections.abc import Iterator
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import best_match

from pinch.core.errors import PinchError
from pinch.core.options import REASONS

_REASONS = REASONS | {
    "minItems": "must hold at least {limit}, not {value}",
    "maxItems": "must hold at most {limit}, not {value}",
}


def load(path: str) -> dict[str, Any]:
    """Read a JSON schema written as YAML."""
    # Every job of a run reads the schema. PyYAML's loader in C, which not every build has, takes a tenth of the time.
    with open(path) as stream:
        return yaml.load(stream, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def validate(values: dict[str, Any], schema: dict[str, Any]) -> None:
    """Fill the schema's defaults into `values` (in place) and check them.

    Raises:
        PinchError: one sentence that names the key, what is wrong with it, and what is allowed.
    """
    error = best_match(_with_defaults(Draft202012Validator)(schema).iter_errors(values))
    if error is not None:
        raise PinchError(_sentence(error))


def _with_defaults(validator: Any) -> Any:
    def properties(self: Any, definitions: dict[str, Any], instance: Any, schema: dict[str, Any]) -> Iterator[Any]:
        if isinstance(instance, dict):
            for key, definition in definitions.items():
                if "default" in definition:
                    # A copy, so that a run never changes the lists and mappings of the schema.
                    instance.setdefault(key, copy.deepcopy(definition["default"]))
        yield from validator.VALIDATORS["properties"](self, definitions, instance, schema)

    # JSON schema accepts 10.0 as an integer; a command, which gets it as text, does not.
    types = validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    return validators.extend(validator, {"properties": properties}, type_checker=types)


def _sentence(error: ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path)
    named = f"{where}: " if where else ""
    if error.validator == "additionalProperties":
        known = sorted(error.schema["properties"])
        unknown = sorted(set(error.instance) - set(known))
        return f"{named}unknown key {', '.join(map(repr, unknown))}; the keys here are {', '.join(known)}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{named}the key {missing[0]!r} is missing"
    if error.validator == "uniqueItems":
        twice = next(item for i, item in enumerate(error.instance) if item in error.instance[:i])
        return f"{named}{twice!r} is listed twice"
    if error.validator == "anyOf":
        return f"{named}{error.instance!r} is not allowed here: {error.schema['description']}"
    if error.validator == "type":
        allowed = error.validator_value
        kinds = allowed if isinstance(allowed, str) else " or ".join(allowed)
        instead = f": {error.schema['instead']}" if "instead" in error.schema else ""
        return f"{named}{error.instance!r} is not of type {kinds}{instead}"
    template = _REASONS.get(str(error.validator))
    if template is None:
        return named + error.message
    return named + template.format(value=repr(error.instance), limit=error.validator_value)
