"""Records of devices."""

from dataclasses import dataclass
from typing import ClassVar

from pinch.core.record_types.base import Record


@dataclass(frozen=True, kw_only=True)
class GpuRecord(Record):
    """A GPU that works: its name, and versions of the driver and of what computes on it (None: not looked at)."""

    kind: ClassVar[str] = "gpu"
    made_by: ClassVar[str] = "check_gpu.py"
    gpu: str
    driver: str
    torch: str
    cuda: str
    onnxruntime: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProcessorRecord(Record):
    """The processor on which files are timed: its model, and the target that it is (see `pinch.run.targets`)."""

    kind: ClassVar[str] = "processor"
    made_by: ClassVar[str] = "describe_processor.py"
    cpu: str
    target: str
