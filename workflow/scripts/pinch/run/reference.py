"""Generate the schema of configurations and the tables of config/README.md from the declared options."""

import re
from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import yaml

from pinch.core.arguments import plain
from pinch.core.options import CONFIG, Option, options_of
from pinch.run.settings.sections import CHAPTERS, Section

SCHEMA, README = Path("workflow/schemas/config.schema.yaml"), Path("config/README.md")
"""The generated files, relative to the project."""
_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean", Path: "string", dict: "object"}
_HEAD = "# Generated from workflow/scripts/pinch/run/settings by `make generate`.\n"
_TABLE = re.compile(r"(<!-- options: (.+?) -->\n).*?(<!-- end of options -->)", re.DOTALL)


def generated(root: Path) -> dict[Path, str]:
    """The content that the generated files should have; in config/README.md only the tables are generated."""
    readme = (root / README).read_text()
    tables = _TABLE.sub(lambda match: f"{match[1]}{table_of(match[2])}{match[3]}", readme)
    return {root / SCHEMA: _HEAD + _yaml(schema()), root / README: tables}


def schema() -> dict[str, Any]:
    """The JSON schema of a configuration."""
    sections = [section for chapter in CHAPTERS.values() for section in chapter]
    properties: dict[str, Any] = {}
    for section in sections:
        outer, _, key = section.key.rpartition(".")
        into = properties[outer]["properties"] if outer else properties
        into |= _section(key, section) if key else _properties(section)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pinch configuration",
        "description": "What shapes the results. Threads, memory, time and partitions belong to the profiles.",
        "type": "object",
        "additionalProperties": False,
        "required": _required(properties),
        "properties": properties,
    }


def schema_of(declaration: type) -> dict[str, Any]:
    """The JSON-schema properties of the keys that a settings dataclass declares."""
    return {declared.name: _property(declared) for declared in options_of(declaration) if CONFIG in declared.where}


def schema_of_key(key: str) -> dict[str, Any]:
    """The JSON schema of a configuration that may have this key only."""
    return {"type": "object", "properties": {key: schema()["properties"][key]}}


def table_of(chapter: str) -> str:
    """The keys of a chapter as a Markdown table."""
    rows = [row for section in CHAPTERS[chapter] for row in _rows(section)]
    lines = [("key", "default", "meaning"), ("---", "---", "---"), *rows]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


def _properties(section: Section) -> dict[str, Any]:
    return {name: entry for part in section.parts for name, entry in schema_of(part).items()}


def _section(key: str, section: Section) -> dict[str, Any]:
    if section.usual:
        return {key: _list(section)}
    return {
        key: {
            "type": ["object", "null"] if section.nullable else "object",
            "additionalProperties": False,
            "default": None if section.nullable else {},
            "description": _sentence(section.help),
            "properties": _properties(section),
        }
    }


def _list(section: Section) -> dict[str, Any]:
    """A list of sections."""
    properties = _properties(section)
    return {
        "type": "array",
        "minItems": 1,
        "default": [_Leaf(said(value)) for value in section.usual],
        "description": _sentence(section.help),
        "instead": section.instead,
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": _required(properties),
            "properties": properties,
        },
    }


def said(value: Any) -> dict[str, Any]:
    """What a configuration must say for these settings: all that is not the default."""
    declaration: type = type(value)
    options = ((declared, getattr(value, declared.name)) for declared in options_of(declaration))
    return {declared.name: _listed(given) for declared, given in options if given != declared.default}


def _required(properties: dict[str, Any]) -> list[str]:
    return [key for key, entry in properties.items() if "default" not in entry]


def _property(declared: Option) -> dict[str, Any]:
    default = {} if declared.default is MISSING else {"default": _listed(declared.default)}
    description = {"description": _sentence(declared.help)}
    if declared.schema:
        return _Leaf({**declared.schema, **default, **description})
    item: dict[str, Any] = {"type": _TYPES[declared.kind], **declared.limits}
    if declared.choices:
        item["enum"] = list(declared.choices)
    if declared.pattern:
        item["pattern"] = declared.pattern
    if declared.nullable:
        item["type"] = [item["type"], "null"]
        item |= {"enum": [*item["enum"], None]} if "enum" in item else {}
    return _Leaf({**(_array(declared, item) if declared.many else item), **default, **description})


def _array(declared: Option, item: dict[str, Any]) -> dict[str, Any]:
    if declared.count:
        return {"type": "array", "items": item, "minItems": declared.count, "maxItems": declared.count}
    least = {} if declared.may_be_empty else {"minItems": 1}
    return {"type": "array", "items": item, **least, "uniqueItems": True}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _sentence(text: str) -> str:
    return plain(f"{text[0].upper()}{text[1:]}.")


def _rows(section: Section) -> Iterator[tuple[str, str, str]]:
    usual = "none" if section.nullable else ", ".join(value.name for value in section.usual)
    if section.key:
        yield f"`{section.key}`", usual, section.help
    outer = f"{section.key}[]" if section.usual else section.key
    for part in section.parts:
        for declared in options_of(part):
            if CONFIG in declared.where:
                yield f"`{'.'.join(filter(None, (outer, declared.name)))}`", _shown(declared), _meaning(declared)


def _shown(declared: Option) -> str:
    if declared.default is MISSING:
        return "(must be given)"
    if declared.default is None:
        return "none"
    if isinstance(declared.default, tuple):
        return f"[{', '.join(map(str, declared.default))}]"
    return str(declared.default).lower() if declared.kind is bool else str(declared.default)


def _meaning(declared: Option) -> str:
    """The help, preceded by the choices if it does not name them all."""
    choices, named = [f"`{choice}`" for choice in declared.choices], declared.help.replace('"', "")
    if all(choice in named for choice in choices):
        return declared.help
    return f"{', '.join(choices[:-1])} or {choices[-1]}: {declared.help}"


class _Leaf(dict[str, Any]):
    """An entry of the schema that is written on one line."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    _Leaf, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True)
)
_Dumper.add_representer(
    list, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)


def _yaml(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
