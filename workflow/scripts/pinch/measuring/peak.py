"""The highest rate at which this machine multiplies: what the speed of a network is compared with."""

import time
from typing import Any

import numpy as np

SIDE = 1024
"""Of the square matrices: large enough to be bound by arithmetic, and a few milliseconds to tens on one thread."""
SECONDS = 0.3
"""For how long they are multiplied: longer than other work of the machine usually lasts at a time."""


def measure(type: str, threads: int) -> tuple[float, str]:
    """Multiply large matrices with ONNX Runtime on the CPU, and take the fastest product.

    Args:
        type: of the factors: "float32", or "int8" (unsigned by signed, as in quantized networks).
        threads: of the runtime.

    Returns:
        Thousand millions of operations (a multiplication or an addition) per second, and what they were measured by.
    """
    import onnxruntime

    from pinch.runtimes.onnx import cpu_options

    left, right, result, operator = _PRODUCTS[type]
    first, second = (np.ones((SIDE, SIDE), kind) for kind in (left, right))
    graph = _product(operator, first, second, np.dtype(result))
    session = onnxruntime.InferenceSession(graph, cpu_options(threads), ["CPUExecutionProvider"])
    fastest, end = float("inf"), time.perf_counter() + SECONDS
    while (start := time.perf_counter()) < end:
        session.run(None, {"x": first})
        fastest = min(fastest, time.perf_counter() - start)
    name = f"ONNX Runtime {onnxruntime.__version__}, {operator} of {SIDE}x{SIDE}"
    return 2 * SIDE**3 / fastest / 1e9, name


_PRODUCTS: dict[str, tuple[Any, Any, Any, str]] = {
    "float32": (np.float32, np.float32, np.float32, "MatMul"),
    "int8": (np.uint8, np.int8, np.int32, "MatMulInteger"),
}
"""By type: the types of both factors and of the result, and ONNX's operator."""


def _product(operator: str, left: np.ndarray, right: np.ndarray, result: np.dtype) -> bytes:
    """An ONNX graph that multiplies its input with a constant matrix, which the runtime may arrange as it likes."""
    from onnx import helper, numpy_helper

    kinds = [helper.np_dtype_to_tensor_dtype(dtype) for dtype in (left.dtype, result)]
    taken, given = map(helper.make_tensor_value_info, "xy", kinds, [left.shape] * 2)
    nodes = [helper.make_node(operator, ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "product", [taken], [given], [numpy_helper.from_array(right, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
