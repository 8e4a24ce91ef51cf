"""Small real models for tests: detectors in every format whose answer is known beforehand, and pictures for them."""

import ast
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAMES = {0: "blue", 1: "red"}
IMGSZ = 64
SHAPE = (70, 90)
"""Height and width of the pictures of `dataset`."""
BOX = (0.44, 0.5, 0.44, 0.43)
"""The one box of every picture of `dataset`: centre x, centre y, width, height as fractions."""


def picture(index: int) -> np.ndarray:
    """Picture number `index` of a `dataset`."""
    image = np.random.default_rng(index).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    image[20:50, 20:60] = (0, 0, 255) if index % 2 else (255, 0, 0)
    return image


def dataset(root: Path, counts: dict[str, int], names: dict[int, str] | None = None) -> Path:
    """A data set whose picture i shows a box of class i modulo 2, always in the same place; returns its data.yaml."""
    lines = ["path: .", *(f"{split}: images/{split}" for split in counts), f"names: {names or NAMES}"]
    for split, count in counts.items():
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for index in range(count):
            cv2.imwrite(str(root / "images" / split / f"{index}.png"), picture(index))
            label = " ".join(map(str, (index % 2, *BOX)))
            (root / "labels" / split / f"{index}.txt").write_text(f"{label}\n")
    (root / "data.yaml").write_text("\n".join(lines))
    return root / "data.yaml"


def video(path: Path, count: int = 12) -> Path:
    """A video of pictures of a `dataset`, in the codec that OpenCV has everywhere."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, SHAPE[::-1])
    for index in range(count):
        writer.write(picture(index))
    writer.release()
    return path


def answer(classes: int = 2, imgsz: int = IMGSZ) -> np.ndarray:
    """The output of a detector that always finds the box of `dataset`, as class 0: (1, 4 + classes, 8), pixels."""
    gain = imgsz / SHAPE[1]
    top = round((imgsz - round(SHAPE[0] * gain)) / 2 - 0.1)
    output = np.zeros((1, 4 + classes, 8), np.float32)
    x, y, width, height = (fraction * side * gain for fraction, side in zip(BOX, SHAPE[::-1] * 2, strict=True))
    output[0, :4, 0] = x, y + top, width, height
    output[0, 4, 0] = 0.9
    return output


def spot(shape: tuple[int, ...]) -> np.ndarray:
    """Where the detectors put a tenth of the mean of their input: into the last anchor's last score."""
    where = np.zeros(shape, np.float32)
    where[0, -1, -1] = 0.1
    return where


def onnx_detector(
    path: Path, imgsz: int | None = IMGSZ, names: dict[int, str] | None = None, half: bool = False, work: int = 0
) -> Path:
    """An ONNX file that gives `answer`, plus a tenth of the mean of its input at `spot`.

    Args:
        path: to write.
        imgsz: side of its input, None for any.
        names: class names; {} for a file that tells none.
        half: float16 input and output.
        work: multiplications of 256 x 256 matrices that it wastes time with.
    """
    names = NAMES if names is None else names
    dtype, kind = (np.float16, TensorProto.FLOAT16) if half else (np.float32, TensorProto.FLOAT)
    output = answer(len(names) or 2, imgsz or IMGSZ)
    # Rows of the matrix add up to 1, so that multiplying by it changes nothing.
    constants = {"answer": output, "spot": spot(output.shape) * 256, "matrix": np.full((256, 256), 1 / 256)}
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["matrix", "mean"], ["work0"]),
        *(helper.make_node("MatMul", [f"work{i}", "matrix"], [f"work{i + 1}"]) for i in range(work)),
        helper.make_node("ReduceMean", [f"work{work}"], ["again"], axes=[0, 1], keepdims=0),
        helper.make_node("Mul", ["spot", "again"], ["seen"]),
        helper.make_node("Add", ["answer", "seen"], ["output0"]),
    ]
    side = "side" if imgsz is None else imgsz
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("images", kind, [1, 3, side, side])],
        [helper.make_tensor_value_info("output0", kind, list(output.shape))],
        [numpy_helper.from_array(value.astype(dtype), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    for key, value in metadata(imgsz or IMGSZ, names).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, str(value)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def metadata(imgsz: int, names: dict[int, str]) -> dict:
    """What Ultralytics writes into its exports."""
    said = {"stride": 32, "task": "detect", "imgsz": [imgsz, imgsz], "batch": 1}
    return said | {"names": names} if names else said


def openvino_detector(path: Path, source: Path) -> Path:
    """The ONNX detector `source` as a folder of OpenVINO."""
    import openvino
    import yaml

    openvino.save_model(openvino.convert_model(source), path / "model.xml", compress_to_fp16=False)
    said = {entry.key: entry.value for entry in onnx.load(source).metadata_props}
    said = {key: value if key == "task" else ast.literal_eval(value) for key, value in said.items()}
    (path / "metadata.yaml").write_text(yaml.safe_dump(said))
    return path


def tflite_detectors(folder: Path) -> None:
    """Write `channels_last.tflite`, `channels_first.tflite` and `integer.tflite` into a folder (see `_write_tflite`).

    In a process of its own: TensorFlow and PyTorch can crash in one.
    """
    subprocess.run([sys.executable, __file__, str(folder)], check=True, capture_output=True)


def _write_tflite(path: Path, channels_last: bool, integer: bool) -> None:
    """Write a TFLite file that gives `answer` with boxes as fractions, plus a tenth of the mean of its input at `spot`.

    Args:
        path: to write.
        channels_last: layout of its input.
        integer: int8 input and output.
    """
    import tensorflow as tf

    fractions = answer()
    fractions[:, :4] /= IMGSZ
    where = spot(fractions.shape)
    shape = (1, IMGSZ, IMGSZ, 3) if channels_last else (1, 3, IMGSZ, IMGSZ)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)])
    def detect(images):
        return fractions + where * tf.reduce_mean(images)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([detect.get_concrete_function()])
    if integer:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([np.full(shape, value, np.float32)] for value in (0, 0.5, 1))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.json", json.dumps(metadata(IMGSZ, NAMES)))


def checkpoint(path: Path, plan: str | dict = "yolo11n.yaml") -> Path:
    """An untrained detector whose head is biased to find boxes of the size of the data set's everywhere."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    network = DetectionModel(plan, nc=2, verbose=False)
    network.names = dict(NAMES)
    network.args = {"imgsz": IMGSZ}
    head = network.model[-1]
    with torch.no_grad():
        for stride, boxes, scores in zip(head.stride.tolist(), head.cv2, head.cv3, strict=True):
            # Distances to the four sides, in strides; between two bins the expectation interpolates.
            half_width, half_height = BOX[2] * IMGSZ / 2 / stride, BOX[3] * IMGSZ * SHAPE[0] / SHAPE[1] / 2 / stride
            bins = torch.arange(head.reg_max)
            sides = [(1 - (bins - distance).abs()).clamp(1e-4).log() for distance in (half_width, half_height) * 2]
            if head.reg_max == 1:
                sides = [torch.tensor([distance]) for distance in (half_width, half_height) * 2]
            boxes[-1].bias.copy_(torch.cat(sides))
            scores[-1].bias.copy_(torch.tensor([0.5, 0.4]))
    torch.save({"model": network.half().eval(), "train_args": {"imgsz": IMGSZ, "task": "detect"}}, path)
    return path


if __name__ == "__main__":
    for kind in ("channels_last", "channels_first", "integer"):
        _write_tflite(Path(sys.argv[1]) / f"{kind}.tflite", kind != "channels_first", kind == "integer")
