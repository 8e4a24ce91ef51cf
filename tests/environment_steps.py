"""The commands of each conda environment on the smallest data, and an interpreter that sees one environment only.

    python tests/environment_steps.py FOLDER [NAME ...]    build environments with pip in FOLDER, run their commands

All of them are built without a NAME, one after another, each removed when its commands have run (6 to 8 GB). Steps
build on the files that those of earlier environments leave, in the order of STEPS.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "workflow/scripts"

_TIMING = "--frames 4 --rounds 1 --warmup 1"
_TINY = "--imgsz 64 --epochs 1 --batch 16"
# Half precision and int8 are made of weights that were trained well: what few steps leave differs between processors,
# and may not bear rounding.
_EXPORT = "quantization.py m_fine_prune_50.pt yolo/data.yaml artifacts --imgsz 64 --calibration-images 2 --guard 0"
_PRUNED = "quantization.py m_coarse_prune_50_tuned.pt yolo/data.yaml artifacts --imgsz 64"
# Shell lines, run in one folder; the order of the keys is the order of the data.
STEPS = {
    "data": [
        "synthesize_hands.py hands --gestures fist like --images 8 4 4 --users 5 --size 96 --video video.mp4",
        "hagrid_to_yolo.py --images hands/images --annotations hands/annotations --targets fist like --out yolo"
        " --for-training",
        "contact_sheet.py yolo/data.yaml samples.png",
        # Without a server, it is the sentence that says so that must come, after everything is imported.
        "fetch_hagrid.py --url http://127.0.0.1:9 --dry-run | grep -q 'the server did not answer'",
    ],
    "train": [
        f"check_base_model.py '{ROOT}/resources/hands.pt' --dataset yolo/data.yaml --coarse 0.5 --fine 0.5"
        " --output b.json",
        f"train.py m --dataset yolo/data.yaml --project . --base-model '{ROOT}/resources/hands.pt' {_TINY}",
        # Layers of a network that has seen one step cannot be compared.
        "coarse_prune.py --model m.pt --sparsity 0.5 --spread uniform --output . --dataset yolo/data.yaml"
        " --record c.json",
        "fine_prune.py m --base-model m.pt --prune-ratio 0.5 --project . --record f.json",
        "train.py m_coarse_prune_50_tuned --dataset yolo/data.yaml --project . --base-model m_coarse_prune_50.pt"
        f" --pruned-model {_TINY}",
    ],
    "export_onnx": [
        f"{_EXPORT} --artifacts full.onnx half.onnx int8.onnx --records export",
        f"{_PRUNED} --artifacts full.onnx --records export",
    ],
    "export_tflite": [f"{_EXPORT} --artifacts full.tflite int8.tflite --records export"],
    "export_openvino": [f"{_EXPORT} --artifacts full_openvino bf16_openvino int8_openvino --records export"],
    "measure": [
        "evaluate.py m.pt yolo/data.yaml --imgsz 64 --output m.json",
        *(
            f"evaluate.py artifacts/m_fine_prune_50_{spec} yolo/data.yaml --output a.json"
            for spec in ("full.onnx", "full.tflite", "full_openvino")
        ),
        f"measure_inference.py artifacts/m_fine_prune_50_int8.onnx video.mp4 {_TIMING} --output t.json",
        "bundle.py artifacts/m_fine_prune_50_int8.onnx artifacts/m_fine_prune_50_full.tflite --data yolo/data.yaml"
        " --output bundles",
    ],
    "measure_gpu": [
        f"measure_inference.py artifacts/m_fine_prune_50_half.onnx video.mp4 {_TIMING} --output g.json",
        # Where there is no GPU, it is the sentence that says so that must come, not an import that fails.
        "check_gpu.py --output gpu.json 2> gpu.log || grep -q '^check_gpu.py: error: ' gpu.log",
    ],
    "report": [
        "gather_study.py layers run/records/sensitivity/layers.json --output study.json",
        *(
            "compare_accuracy.py run",
            "gather.py run",
            "select_models.py run",
            "compare_chosen.py run",
            # The evidence is made up, and its pictures are nowhere: the sentence that says so must come.
            "draw_failures.py run yolo/data.yaml failures.png 2>&1 | grep -q 'cannot be decoded'",
            "plot_results.py run",
            "render_report.py run",
            "cp -r run other && compare.py run other --output across.html",
        ),
    ],
}


def requirements(name: str) -> list[Requirement]:
    """What pip installs in an environment on this system."""
    dependencies = yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())["dependencies"]
    lines = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    wanted = [Requirement(line) for line in lines]
    return [requirement for requirement in wanted if requirement.marker is None or requirement.marker.evaluate()]


def restricted(name: str, folder: Path) -> Path:
    """A folder of packages that holds what the environment holds and nothing else, as links to those installed here."""
    folder.mkdir(parents=True)
    for requirement in requirements(name):
        # The build for GPUs cannot stand beside that for CPUs, and has the same modules.
        installed = importlib.metadata.distribution(requirement.name.replace("onnxruntime-gpu", "onnxruntime"))
        for file in installed.files or []:
            if file.parts[0] != ".." and file.suffix not in (".pyc", ".pth"):
                link = folder / file
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(installed.locate_file(file))
    return folder


def run(name: str, folder: Path, environment: dict[str, str]) -> None:
    """Run the steps of an environment in a folder.

    Raises:
        RuntimeError: one failed, with what it wrote.
    """
    for line in STEPS[name]:
        done = subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {line}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def linked_environment(name: str, folder: Path) -> dict[str, str]:
    """Variables under which `python` sees a `restricted` environment, without what is installed beside it."""
    packages = restricted(name, folder / "packages")
    programs = folder / "bin"
    programs.mkdir()
    interpreter = programs / "python"
    base = Path(sys.base_prefix) / f"bin/python3.{sys.version_info.minor}"
    interpreter.write_text(f'#!/bin/sh\nexec {base} -S "$@"\n')
    interpreter.chmod(0o755)
    return _variables(programs) | {"PYTHONPATH": str(packages)}


def _variables(programs: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not re.match("PYTHON|VIRTUAL_ENV", key)}
    return {**kept, "PATH": f"{SCRIPTS}:{programs}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


def build(name: str, folder: Path) -> None:
    """Build an environment as conda does, with pip, run its commands in it, and remove it."""
    subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
    python = folder / name / "bin/python"
    lines = [str(requirement) for requirement in requirements(name)]
    subprocess.run([python, "-m", "pip", "install", "-q", *lines], check=True)
    subprocess.run([python, "-m", "pip", "check"], check=True)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    if name == "report":
        sys.path.insert(0, str(SCRIPTS))
        import made_up_run

        made_up_run.add_evidence(made_up_run.make(work / "run"), (20, 20))
    run(name, work, _variables(python.parent))
    shutil.rmtree(folder / name)


def main(folder: Path, names: list[str]) -> None:
    """Build environments, in the order of the data."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or STEPS:
        started = time.monotonic()
        build(name, folder)
        print(f"envs/{name}.yaml: its commands run ({time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2:])
