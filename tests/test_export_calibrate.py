"""The ranges of activations."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pinch.artifacts import calibrate
from pinch.artifacts.calibrate import Activation


def seen(*images):
    activation = Activation()
    for image in images:
        activation.add(np.asarray(image, np.float32), np.random.default_rng(0))
    return activation


def test_extremes_are_exact_however_large_the_image():
    values = np.zeros(100_000)
    values[77_777], values[3] = 9.5, -2.25
    assert seen(values, np.ones(10)).range("minmax") == (-2.25, 9.5)


def test_the_range_always_holds_zero():
    for method in ("minmax", "percentile", "entropy"):
        low, high = seen(np.full(1000, 3.0)).range(method)
        assert low == 0
        assert high == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_a_lone_outlier_does_not_widen_the_range(method):
    bulk = np.random.default_rng(1).uniform(0, 1, (40, 2000))
    bulk[7, 11] = 100
    low, high = seen(*bulk).range(method)
    assert 0 <= high < 60
    assert low == 0


def test_nothing_but_zeros_is_a_range_too():
    for method in ("minmax", "percentile", "entropy"):
        assert seen(np.zeros(50)).range(method) == (0, 0)


def test_every_computed_tensor_is_seen():
    nodes = [helper.make_node("Neg", ["images"], ["a"]), helper.make_node("Exp", ["a"], ["b"])]
    shape = [1, 1, 2, 2]
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", "a", "b")]
    graph = helper.make_graph(nodes, "g", tensors[:1], tensors[2:], value_info=tensors[1:2])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    found = calibrate.collect(model, [np.full(shape, 2, np.float32), np.full(shape, 1, np.float32)], seed=0, threads=1)
    assert found["images"].range("minmax") == (0, 2)
    assert found["a"].range("minmax") == (-2, 0)
    assert found["b"].high == pytest.approx(np.exp(-1))
