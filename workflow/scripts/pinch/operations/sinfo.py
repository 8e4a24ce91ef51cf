"""Read from `sinfo` what site.yaml has to say of a cluster."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from pinch.core.errors import PinchError
from pinch.operations import slurm
from pinch.operations.site import SHIPPED

COMMAND = ("sinfo", "--noheader", "--exact", "--format", "%P|%a|%l|%D|%c|%m|%G")
"""Prints for each kind of node: partition, state, time limit, number of nodes, and cores, MB and GRES of one."""

# A day is enough for every job, so that a longer limit does not make a partition better.
_DAY = 1440
# Types that Snakemake's Slurm executor can ask for.
_ASKABLE_TYPE = re.compile(r"[\w.]+")


@dataclass(frozen=True)
class NodeKind:
    """Nodes that are alike: how many, and what each has (memory in MB, GPUs by type; "" for GPUs without a type)."""

    count: int
    cores: int
    memory_mb: int
    gpus: dict[str, int]

    @property
    def known_memory_mb(self) -> int | None:
        """Its memory; None where Slurm was not told, and says 1."""
        return self.memory_mb if self.memory_mb > 1 else None


@dataclass(frozen=True)
class Partition:
    """One partition. `minutes` is its time limit, None if it has none."""

    name: str
    is_default: bool
    minutes: int | None
    kinds: tuple[NodeKind, ...]

    @property
    def days(self) -> float:
        """The part of a day that a job may take, at most 1."""
        return min(1.0, (self.minutes or _DAY) / _DAY)

    def nodes(self, gpus: bool) -> int:
        """How many of its nodes have GPUs, or have none."""
        return sum(kind.count for kind in self.kinds if bool(kind.gpus) == gpus)

    def largest(self, gpu_type: str | None) -> NodeKind:
        """The nodes with the most memory, of those with this type of GPU ("": any) or, for None, of all."""
        fitting = [kind for kind in self.kinds if gpu_type is None or (kind.gpus and gpu_type in ("", *kind.gpus))]
        return max(fitting or self.kinds, key=lambda kind: (kind.memory_mb, kind.cores))


def partitions(text: str) -> list[Partition]:
    """The partitions that are up, from the output of COMMAND.

    Raises:
        PinchError: it is not such output, or no partition is up.
    """
    found: dict[str, Partition] = {}
    for line in text.splitlines():
        try:
            name, state, limit, *numbers, gres = line.split("|")
            count, cores, memory = (int(number.rstrip("+")) for number in numbers)
            kind = NodeKind(count, cores, memory, _gpus(gres))
            longest = slurm.seconds(limit)
        except ValueError:
            raise PinchError(f"{' '.join(COMMAND)} printed {line!r}, which is no description of nodes") from None
        if state == "up":
            known = found.get(name)
            found[name] = Partition(
                name.rstrip("*"), name.endswith("*"), longest and longest // 60, (*(known.kinds if known else ()), kind)
            )
    if not found:
        raise PinchError("sinfo names no partition that is up: ask your administrators")
    return list(found.values())


def _gpus(gres: str) -> dict[str, int]:
    """GPUs by type, from "gpu:a100:4(S:0-1),gpu:v100:2", "gpu:4", "mps:400" or "(null)"."""
    found: dict[str, int] = {}
    for entry in re.sub(r"\([^)]*\)", "", gres).split(","):
        name, *kind, count = entry.split(":") if ":" in entry else (entry, "0")
        if name == "gpu":
            found[kind[0] if kind else ""] = found.get(kind[0] if kind else "", 0) + int(count)
    return found


def propose(found: list[Partition]) -> dict[str, Any]:
    """Values of site.yaml for a cluster with these partitions: those in which most jobs find most nodes for a day.

    Without GPUs, GPU jobs are sent to the partition of the others; they are refused there.
    """
    cpu = max(found, key=lambda each: (each.nodes(gpus=False) > 0, each.days, each.is_default, each.nodes(gpus=False)))
    with_gpus = [each for each in found if each.nodes(gpus=True)]
    gpu = max(with_gpus, key=lambda each: (each.days, each.nodes(gpus=True)), default=cpu)
    types = _types(gpu)
    several = [each for each in types if _ASKABLE_TYPE.fullmatch(each)] if len(types) > 1 else []
    chosen = max(several, key=lambda each: types[each], default=None)
    cpu_node, gpu_node = cpu.largest(None), gpu.largest(chosen or "")
    return {
        "cpu_partition": cpu.name,
        "gpu_partition": gpu.name,
        "cpu_minutes": cpu.minutes,
        "gpu_minutes": gpu.minutes,
        "cpu_cores": cpu_node.cores,
        "gpu_cores": gpu_node.cores,
        "cpu_memory_mb": cpu_node.known_memory_mb,
        "gpu_memory_mb": gpu_node.known_memory_mb,
        "gpu_type": chosen,
    }


def _types(partition: Partition) -> dict[str, int]:
    """How many GPUs of each type a partition has."""
    found: dict[str, int] = {}
    for kind in partition.kinds:
        for name, count in kind.gpus.items():
            found[name] = found.get(name, 0) + count * kind.count
    return found


def filled_in(text: str, values: dict[str, Any]) -> str:
    """The text of site.yaml with other values; comments, order and other keys stay.

    Raises:
        PinchError: a key is missing.
    """
    for key, value in values.items():
        line = yaml.safe_dump({key: value}).strip()
        text, count = re.subn(rf"^{key}:.*$", line.replace("\\", r"\\"), text, flags=re.MULTILINE)
        if count != 1:
            raise PinchError(f"the site file has {count} lines that begin with {key}:, not one: copy {SHIPPED} anew")
    return text
