#!/usr/bin/env python3
"""Write envs/*.yaml, the conda environments of the rules, from envs.toml and the lock file local.txt.

    python requirements/make_envs.py           write them
    python requirements/make_envs.py --check   say whether they are what would be written

Each takes python and pip from conda-forge, and everything else from PyPI in the versions that local.txt has, with all
that these packages need in turn, so that a job on the cluster computes with what was tested on one machine.
"""

import argparse
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements/local.txt"
HEADER = "# Made by requirements/make_envs.py from envs.toml and local.txt: change those.\n"
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: *; *(?P<marker>[^\\]+?))? *\\?$")


@dataclass(frozen=True)
class Pin:
    """A package of the lock file: its lines without hashes (one for each range of Pythons), and what needs it."""

    lines: tuple[str, ...]
    needed_by: frozenset[str]


def canonical(name: str) -> str:
    """A package's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(path: Path = LOCK) -> dict[str, Pin]:
    """The packages of a lock file that `pip-compile` or `uv pip compile` wrote, whose comments say what needs them."""
    lines: dict[str, list[str]] = {}
    needed: dict[str, set[str]] = {}
    name = ""
    for text in path.read_text().splitlines():
        if match := _PINNED.match(text):
            name = canonical(match["name"])
            marker = f" ; {match['marker'].strip()}" if match["marker"] else ""
            lines.setdefault(name, []).append(f"{match['name']}=={match['version']}{marker}")
            needed.setdefault(name, set())
        elif text.startswith("    #") and name:
            source = text.strip(" #").removeprefix("via").strip()
            if source and not source.startswith("-r"):
                needed[name].add(canonical(source.split("[")[0]))
    return {name: Pin(tuple(found), frozenset(needed[name])) for name, found in lines.items()}


def closure(packages: list[str], lock: dict[str, Pin]) -> list[str]:
    """The lines of `packages` and of all that they need, sorted.

    Raises:
        SystemExit: a package is not in the lock file.
    """
    found = {canonical(name) for name in packages}
    if unknown := found - lock.keys():
        raise SystemExit(f"envs.toml: {', '.join(sorted(unknown))} not in {LOCK.name}: add to local.in and lock again")
    while more := {name for name, pin in lock.items() if name not in found and pin.needed_by & found}:
        found |= more
    return [line for name in sorted(found) for line in lock[name].lines]


def environments() -> dict[str, str]:
    """Name -> text of each conda environment."""
    lock = read_lock()
    wanted = tomllib.loads((ROOT / "requirements/envs.toml").read_text())
    return {name: _text(entry, lock) for name, entry in wanted.items()}


def _text(entry: dict[str, list[str]], lock: dict[str, Pin]) -> str:
    lines = entry.get("own", []) + closure(entry["packages"] + entry.get("own_needs", []), lock)
    python = "  - python=3.11\n  - pip\n"
    pip = "".join(f"      - {line}\n" for line in lines)
    return f"{HEADER}channels:\n  - conda-forge\n  - nodefaults\ndependencies:\n{python}  - pip:\n{pip}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only compare")
    arguments = parser.parse_args()
    stale = []
    for name, text in environments().items():
        path = ROOT / f"envs/{name}.yaml"
        if arguments.check and (not path.exists() or path.read_text() != text):
            stale.append(path.name)
        elif not arguments.check:
            path.write_text(text)
    if stale:
        sys.exit(f"{', '.join(stale)} not as envs.toml and local.txt say: run python requirements/make_envs.py")


if __name__ == "__main__":
    main()
