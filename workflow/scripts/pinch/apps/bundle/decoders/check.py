"""Run the model of this bundle on its test pictures, and say how far its boxes are from the expected ones.

Needs numpy, Pillow, and onnxruntime or ai-edge-litert: python check.py
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from decoder import decode, letterbox
from PIL import Image


def load(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """A function from the model's input to its output."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        return lambda values: session.run(None, {session.get_inputs()[0].name: values})[0]
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()

    def run(values: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    return run


def main() -> None:
    """Compare all pictures; end with 1 if a box is missing, too much, or of another class."""
    folder, same = Path(__file__).parent, True
    contract = json.loads((folder / "model.json").read_text())
    run = load(folder / contract["file"])
    for picture in contract["test_pictures"]:
        values, geometry = letterbox(np.asarray(Image.open(folder / picture["file"]).convert("RGB")), contract)
        found, expected = decode(run(values), contract, geometry), np.array(picture["boxes"]).reshape(-1, 6)
        same &= found.shape == expected.shape and bool(np.all(found[:, 5] == expected[:, 5]))
        for box in found:
            print(f"{picture['file']}: {contract['labels'][int(box[5])]} {box[4]:.3f} at {box[:4].round(1).tolist()}")
        if found.shape == expected.shape and len(found):
            pixels, score = (np.abs(found - expected)[:, part].max() for part in (slice(4), 4))
            print(f"{picture['file']}: at most {pixels:.2f} pixels and {score:.4f} of score from what was expected")
    sys.exit(0 if same else "the boxes are not those that were expected")


if __name__ == "__main__":
    main()
