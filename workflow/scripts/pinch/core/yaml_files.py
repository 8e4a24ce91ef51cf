"""YAML files: read strictly (what YAML would take without a word, such as a key that is there twice, is refused), and
written in the order of the keys.
"""

from pathlib import Path
from typing import Any

import yaml

from pinch.core.errors import PinchError


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which refuses keys that are there twice; PyYAML itself takes the last one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node, whose own keys differ."""
        seen = set()
        for key, _ in node.value:
            name = (key.tag, getattr(key, "value", None)) if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} is there twice: keep one of them", problem_mark=key.start_mark
                )
            seen.add(name or object())
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> Any:
    """The content of a YAML file.

    Raises:
        PinchError: it is missing, is not YAML, or has a key twice.
    """
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8-sig"), _Loader)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise PinchError(f"there is no file {path}") from error
    except yaml.MarkedYAMLError as error:
        where = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise PinchError(f"{path} is not a YAML file{where}: {_problem(error)}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise PinchError(f"{path} is not a YAML file: {' '.join(str(error).split())}") from error


def text(content: Any) -> str:
    """YAML of what `read_yaml` returns, for a file in UTF-8."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if "'\\t'" in problem:
        return "YAML takes no tabs: indent with spaces"
    return f"{error.context}, {problem}" if error.context else problem
