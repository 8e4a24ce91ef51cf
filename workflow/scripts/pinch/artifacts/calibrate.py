"""Ranges of a network's activations on calibration images, and three ways to choose them.

ONNX Runtime's own calibrators keep every activation of every image in memory (30 GB for 100 images at 640 pixels), and
its entropy method takes minutes per model. Here only the extremes and a sample of the values are kept of each image.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

SAMPLES = 2048
"""Values kept of each activation and image: 200,000 of 100 images, 20 above the 99.99th percentile."""
PERCENTILE = 99.99
BINS, LEVELS = 2048, 256


@dataclass
class Activation:
    """The values of one activation over all images: their extremes, and a random sample of them."""

    low: float = 0.0
    high: float = 0.0
    samples: list[np.ndarray] = field(default_factory=list)

    def add(self, values: np.ndarray, generator: np.random.Generator) -> None:
        """Add the values of one image."""
        flat = values.ravel()
        self.low, self.high = min(self.low, float(flat.min())), max(self.high, float(flat.max()))
        self.samples.append(flat if flat.size <= SAMPLES else flat[generator.integers(0, flat.size, SAMPLES)])

    def range(self, method: str) -> tuple[float, float]:
        """The range that int8 should span; it always holds 0, which must be exact."""
        if method == "minmax":
            return self.low, self.high
        values = np.concatenate(self.samples)
        if method == "percentile":
            tail = (100 - PERCENTILE) / 2
            low, high = np.percentile(values, (tail, 100 - tail))
        else:
            low, high = self.low, entropy_limit(values, self.high)
        return min(float(low), 0.0), max(float(high), 0.0)


def collect(model: onnx.ModelProto, inputs: Iterable[np.ndarray], seed: int, threads: int) -> dict[str, Activation]:
    """Run a model on calibration inputs and collect the values of every floating-point tensor that it computes.

    Args:
        model: with shapes inferred, one input.
        inputs: as the model takes them.
        seed: of the sample of values.
        threads: of ONNX Runtime.
    """
    session = with_outputs(model, float_tensors(model), threads)
    names, entry = [output.name for output in session.get_outputs()], session.get_inputs()[0].name
    generator = np.random.default_rng(seed)
    seen = {name: Activation() for name in [entry, *names]}
    for batch in inputs:
        for name, values in zip([entry, *names], [batch, *session.run(names, {entry: batch})], strict=True):
            seen[name].add(values, generator)
    return seen


def float_tensors(model: onnx.ModelProto) -> list[str]:
    """Names of the float32 tensors that nodes compute."""
    known = {info.name: info.type.tensor_type.elem_type for info in (*model.graph.value_info, *model.graph.output)}
    made = [name for node in model.graph.node for name in node.output]
    return [name for name in made if known.get(name) == onnx.TensorProto.FLOAT]


def with_outputs(model: onnx.ModelProto | Path, tensors: list[str], threads: int) -> onnxruntime.InferenceSession:
    """A session of a model that also returns inner tensors. Nodes are not fused, so that all tensors exist."""
    source = onnx.load(model) if isinstance(model, Path) else model
    copy = onnx.ModelProto()
    copy.CopyFrom(source)
    present = {output.name for output in copy.graph.output}
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors if name not in present)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])


def entropy_limit(values: np.ndarray, high: float) -> float:
    """The upper end of the range that loses least information (Kullback-Leibler divergence) at 8 bits.

    The method of TensorRT (Migacz, GTC 2017, s7310): clip a histogram at each limit, quantize it, compare the two.
    """
    if high <= 0:
        return high
    counts, edges = np.histogram(values, BINS, range=(0.0, high))
    limits = np.arange(LEVELS, BINS + 1, LEVELS // 8)
    costs = [_information_lost(counts.astype(float), int(limit)) for limit in limits]
    return float(edges[limits[int(np.argmin(costs))]])


def _information_lost(counts: np.ndarray, limit: int) -> float:
    clipped = counts[:limit].copy()
    quantized = _quantized(clipped)
    clipped[-1] += counts[limit:].sum()
    present = (clipped > 0) & (quantized > 0)
    lost = clipped[(clipped > 0) & (quantized == 0)].sum()
    if not present.any():
        return np.inf
    p, q = clipped[present] / clipped.sum(), quantized[present] / quantized.sum()
    # Counts in bins that the quantized histogram leaves empty are weighted with the smallest possible probability.
    return float((p * np.log(p / q)).sum() + lost / clipped.sum() * np.log(clipped.sum()))


def _quantized(counts: np.ndarray) -> np.ndarray:
    """Spread each level's count evenly over its bins that are not empty."""
    level = np.arange(len(counts)) * LEVELS // len(counts)
    filled = np.bincount(level, counts > 0, LEVELS)
    mean = np.bincount(level, counts, LEVELS) / np.maximum(filled, 1)
    return np.where(counts > 0, mean[level], 0.0)
