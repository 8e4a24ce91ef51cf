"""The tables of the benchmark of exported files."""

import pytest

import benchmark_export
from pinch.core.errors import PinchError
from pinch.studies import export_benchmark


def row(model, file, time, failed=None):
    return {"model": model, "file": file, "relative_time": time, "failed": failed}


def test_times_are_a_line_for_each_file_and_a_column_for_each_model():
    rows = [
        row("base", "full.onnx", 0.861),
        row("relu", "full.onnx", 0.7),
        row("base", "int8.tflite", None, "cannot run"),
    ]
    rows += [row("relu", "int8.tflite", 0.2, "finds nothing"), row("base", "int8.onnx", 0.5)]
    assert export_benchmark.time_table(rows).splitlines() == [
        "| file | base | relu |",
        "| --- | --- | --- |",
        "| full.onnx | 0.86 | 0.70 |",
        "| int8.tflite |  | 0.20* |",
        "| int8.onnx | 0.50 |  |",
    ]


@pytest.mark.parametrize(
    ("pruned", "sentence"),
    [
        (["silu/demo.pt", "relu/demo.pt"], "two checkpoints are called demo: give one as NAME=FILE"),
        (["base=relu/demo.pt"], "two checkpoints are called base"),
        (["a/b=demo.pt"], "'a/b' is not a name for a checkpoint"),
    ],
)
def test_checkpoints_need_names_of_their_own(pruned, sentence):
    with pytest.raises(PinchError, match=sentence):
        benchmark_export.main(["silu/demo.pt", "data.yaml", "clip.mp4", "--pruned", *pruned])
