"""Networks inside a trainer."""

from typing import Any

from ultralytics.utils.torch_utils import unwrap_model


def bare(model: Any) -> Any:
    """The network without the wrappers of data parallelism and distillation."""
    model = unwrap_model(model)
    return getattr(model, "student_model", model)
