"""The Java decoder of bundles, compiled and run on tensors, for tests."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import SCRIPTS

DECODERS = SCRIPTS / "pinch/apps/bundle/decoders"


@dataclass
class Answer:
    """What Java computed: the input, (n,); its integers and what they mean, if asked for; and boxes, (n, 6)."""

    values: np.ndarray
    boxes: np.ndarray
    stored: np.ndarray | None = None
    meant: np.ndarray | None = None


class Java:
    """The compiled decoder."""

    def __init__(self, folder: Path):
        if not shutil.which("javac") or not shutil.which("java"):
            pytest.skip("no JDK is installed, so the Java decoder cannot be compiled (Debian: default-jdk-headless)")
        self.folder = folder
        sources = [str(DECODERS / "Decoder.java"), str(Path(__file__).with_name("DecoderHarness.java"))]
        line = ["javac", "--release", "8", "-Xlint:all,-options", "-Werror", "-d", str(folder), *sources]
        subprocess.run(line, check=True, timeout=300)

    def run(self, cases: list) -> list[Answer]:
        """Decode cases of (contract as JSON, RGB picture, output, "scale zero_point dtype" of integers or None)."""
        folders = [self._write(number, *case) for number, case in enumerate(cases)]
        subprocess.run(["java", "-cp", str(self.folder), "DecoderHarness", *map(str, folders)], check=True, timeout=300)
        return [_read(folder) for folder in folders]

    def _write(self, number, contract, image, output, integers=None):
        folder = self.folder / f"case {number}"
        folder.mkdir(exist_ok=True)
        said, given = contract["letterbox"], contract["output"]
        columns, boxes = given["shape"][1:] if given["columns_first"] else given["shape"][:0:-1]
        entries = {key: said[key] for key in ("width", "height", "pad_value")}
        entries |= {"picture_width": image.shape[1], "picture_height": image.shape[0]}
        entries |= {"channels_last": contract["input"]["layout"] == "NHWC", "columns": columns, "boxes": boxes}
        entries |= {key: given[key] for key in ("columns_first", "suppressed", "max_boxes")}
        entries |= {"fractions": given["box_units"] == "fractions"}
        entries |= {key: contract["threshold"][key] for key in ("score", "iou")}
        if integers:
            entries |= {"scale": integers[0], "zero_point": integers[1], "signed": integers[2] == np.int8}
        lines = [f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in entries.items()]
        (folder / "case.properties").write_text("\n".join(lines))
        red, green, blue = np.moveaxis(image.astype(np.uint32), 2, 0)
        (0xFF000000 | red << 16 | green << 8 | blue).astype(">u4").tofile(folder / "pixels.bin")
        output.astype(">f4").tofile(folder / "output.bin")
        return folder


def _read(folder):
    rows = [[float(value) for value in line.split()] for line in (folder / "boxes.txt").read_text().splitlines()]
    answer = Answer(np.fromfile(folder / "input.bin", ">f4"), np.array(rows).reshape(-1, 6))
    if (folder / "stored.bin").exists():
        answer.stored = np.fromfile(folder / "stored.bin", np.uint8)
        answer.meant = np.fromfile(folder / "meant.bin", ">f4")
    return answer
