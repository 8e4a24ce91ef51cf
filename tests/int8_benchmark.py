"""What int8 files keep of their float files, on more pictures than a run has, and on crowded ones.

    .venv/bin/python tests/int8_benchmark.py RUN FOLDER [--images 3000] [--crowded 60] [--formats onnx tflite]

Exports the base and the coarsely pruned models of RUN (such as results/demo) as float and int8, with the guard, into
FOLDER. Then it prints what each int8 file keeps of its float file on `images` rendered pictures of people whom no
training saw, with 95% intervals over people. Then it does the same with the base at 640 pixels on mosaics of 16
photographs each, and times both there beside the base's full.onnx. FOLDER keeps the pictures for the next time.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow/scripts"), str(ROOT / "tests")]

from pinch.core.environment import isolate_ultralytics  # noqa: E402

isolate_ultralytics()  # before Ultralytics is imported

import crowds  # noqa: E402
import sampling_benchmark  # noqa: E402

from pinch.artifacts import job  # noqa: E402
from pinch.artifacts.session import ExportSettings, open_session  # noqa: E402
from pinch.data import dataset  # noqa: E402
from pinch.measuring import statistics  # noqa: E402
from pinch.measuring.evaluation import evaluate_with_evidence  # noqa: E402
from pinch.measuring.side_by_side import relative_time  # noqa: E402
from pinch.run import manifest  # noqa: E402
from pinch.run.formats import FORMATS  # noqa: E402

PRECISIONS = ("full", "int8")
COLUMNS = ["model", "format", "mAP50-95 of float", "kept by int8", "worst class", "operators in float", "candidates"]


def export(model, data, folder, formats, imgsz=None):
    """Paths and records of a model's float and int8 files, by format and precision."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_session(model, data, ExportSettings(imgsz, threads=2)) as session:
        return {
            (name, precision): (path, job.run(session, precision, FORMATS[name], path))
            for name in formats
            for precision in PRECISIONS
            for path in [folder / FORMATS[name].file(model.stem, precision)]
        }


def compared(made, name, data, split):
    """What an int8 file keeps of its float file, as cells of a row."""
    evidence = [evaluate_with_evidence(made[name, precision][0], data, [split])[1][split] for precision in PRECISIONS]
    theirs, ours = map(statistics.resample, evidence)
    whole, worst = statistics.share(ours, theirs), statistics.worst_class(ours, theirs)
    result = made[name, "int8"][1]
    return [
        name,
        f"{statistics.map50_95(theirs).value:.3f}",
        f"{whole.value:.4f} ({whole.low:.4f} to {whole.high:.4f})",
        f"{worst.value:.3f} ({worst.low:.3f} to {worst.high:.3f}), {worst.name}",
        str(len(result.guard.float_operators or [])),
        str(result.head.candidates),
    ]


def table(columns, rows):
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [columns, ["---"] * len(columns), *rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--crowded", type=int, default=60, help="mosaics in val, and in test")
    parser.add_argument("--formats", nargs="+", default=["onnx", "tflite"], choices=list(FORMATS))
    arguments = parser.parse_args()

    data = arguments.run / "dataset/data.yaml"
    names = dataset.load(data).names
    strangers = dataset.load(sampling_benchmark.make(arguments.folder / "strangers", arguments.images, names))
    models = [
        model for model in manifest.load(arguments.run).models if model.method == "coarse" or str(model) == model.name
    ]
    rows = []
    for model in models:
        path = arguments.run / "models" / f"{model}.pt"
        made = export(path, data, arguments.folder / "artifacts", arguments.formats)
        rows += [[model.label, *compared(made, name, strangers, "test")] for name in arguments.formats]
    print(table(COLUMNS, rows), flush=True)

    base = arguments.run / "models" / f"{manifest.load(arguments.run).base}.pt"
    crowd = arguments.folder / "crowd"
    if not (crowd / "data.yaml").exists():
        crowds.write(crowd, {"train": 20, "val": arguments.crowded, "test": arguments.crowded}, names)
    made = export(base, crowd / "data.yaml", arguments.folder / "crowded", ["onnx", *arguments.formats], imgsz=640)
    with open_session(base, crowd / "data.yaml", ExportSettings(640)) as session:
        batch = session.parity_inputs[0]
    reference = made["onnx", "full"][0]
    rows = [
        [
            *compared(made, name, crowd / "data.yaml", "test"),
            *(f"{relative_time(made[name, precision][0], reference, batch):.2f}" for precision in PRECISIONS),
        ]
        for name in arguments.formats
    ]
    print("\nThe base on mosaics of 16 photographs, 640 pixels; times are relative to full.onnx, one thread:\n")
    print(table([*COLUMNS[1:], "time of float", "time of int8"], rows))


if __name__ == "__main__":
    main()
