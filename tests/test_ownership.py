"""What Pinch did not make is never removed or replaced, whatever name a command is given."""

import detectors
import pytest
import shapes
import torch

from pinch.core import files, ownership
from pinch.core.errors import PinchError
from pinch.weights import checkpoints
from pinch.weights.pruning import fine, kinds


def holding(folder):
    """A folder with something of the user's in it."""
    folder.mkdir(parents=True)
    (folder / "precious.txt").write_text("months of work")
    return folder


def is_untouched(folder):
    return [path.name for path in folder.iterdir()] == ["precious.txt"]


@pytest.mark.fault
@pytest.mark.parametrize("kind", [None, "artifact"])
def test_nothing_takes_the_place_of_a_folder_without_a_mark(tmp_path, kind):
    folder = holding(tmp_path / "name")
    with (
        pytest.raises(PinchError, match="is not replaced"),
        files.atomic(folder, kind),
    ):
        raise AssertionError("it must not come to the work")
    assert is_untouched(folder)


def test_a_marked_folder_gives_way_to_one_of_its_kind_only(tmp_path):
    folder = holding(tmp_path / "name")
    ownership.mark(folder, "artifact")
    for kind in (None, "training run"):
        with (
            pytest.raises(PinchError, match="is not replaced"),
            files.atomic(folder, kind),
        ):
            pass
    with files.atomic(folder, "artifact") as temporary:
        (temporary / "new").touch()
    assert ownership.is_marked(folder, "artifact")
    assert [path.name for path in files.members(folder)] == ["new"], "the mark is no part of an artifact"
    state = files.sha256(folder)
    ownership.mark(folder, "another kind")
    assert files.sha256(folder) == state
    (folder / "new").rename(folder / "renamed")
    assert files.sha256(folder) != state


@pytest.mark.fault
def test_a_link_to_a_folder_is_left_alone(tmp_path):
    folder = holding(tmp_path / "elsewhere")
    ownership.mark(folder, "artifact")
    (tmp_path / "name").symlink_to(folder)
    with pytest.raises(PinchError, match="is not replaced"):
        ownership.remove_folder(tmp_path / "name", "artifact")
    assert (folder / "precious.txt").exists()


@pytest.mark.fault
def test_a_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "name").write_text("mine")
    with pytest.raises(PinchError, match="is a file"), files.atomic(tmp_path / "name", "artifact"):
        pass
    assert (tmp_path / "name").read_text() == "mine"


@pytest.mark.fault
@pytest.mark.parametrize("content", ["ultralytics", "older", "torn"])
def test_checkpoints_of_others_are_not_replaced(tmp_path, content):
    path = tmp_path / "m_fine_prune_50.pt"
    detectors.write(path, width=0.125, names=["pinch", "method", "fist"])
    if content == "older":
        torch.save(torch.load(path, weights_only=False), path, _use_new_zipfile_serialization=False)
    elif content == "torn":
        path.write_bytes(path.read_bytes()[:1000])
    before = path.read_bytes()
    base = detectors.write(tmp_path / "base.pt", width=0.125)
    with pytest.raises(PinchError, match=r"a \.pt file that Pinch did not make"):
        fine.prune_file(base, path, kinds.LayerMagnitude(0.5))
    assert path.read_bytes() == before


def test_checkpoints_of_pinch_are_replaced(tmp_path):
    base = detectors.write(tmp_path / "base.pt", width=0.125)
    for ratio in (0.5, 0.7):
        fine.prune_file(base, tmp_path / "pruned.pt", kinds.LayerMagnitude(ratio))
    assert checkpoints.load(tmp_path / "pruned.pt").meta["ratio"] == 0.7


# A folder of the user's stands where each of these commands is to write.
COMMANDS = {
    "train.py": ["mine", "--dataset", "mine/data.yaml", "--project", ".", "--base-model", "base.pt", "--epochs", "1"],
    "evaluate.py": ["base.pt", "set/data.yaml", "--output", "mine"],
    "measure_inference.py": ["base.pt", "set/images/val", "--output", "mine", "--rounds", "1"],
    "fine_prune.py": ["m", "--base-model", "base.pt", "--prune-ratio", "0.5", "--project", ".", "--record", "mine"],
    "coarse_prune.py": ["--model", "base.pt", "--sparsity", "0.5", "--output", "."],
    "quantization.py": ["base.pt", "set/data.yaml", ".", "--artifacts", "full.onnx"],
    "quantization.py ": ["base.pt", "set/data.yaml", ".", "--artifacts", "full_openvino"],
    "prepare_dataset.py": ["set/data.yaml", "--out", "set"],
    "synthesize_hands.py": ["hagrid", "--images", "1", "1", "1", "--users", "5", "--gestures", "fist"],
}
IN_THE_WAY = {
    "train.py": "mine",
    "coarse_prune.py": "base_coarse_prune_50.pt",
    "quantization.py": "base_full.onnx",
    "quantization.py ": "base_full_openvino",
    "prepare_dataset.py": "set",
    "synthesize_hands.py": "hagrid/annotations",
}


@pytest.mark.fault
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_leave_folders_of_the_user_alone(command, tmp_path, name):
    """Each of them once removed the folder, or replaced what lay in it."""
    detectors.write(tmp_path / "base.pt", width=0.125, names=shapes.NAMES)
    shapes.write(tmp_path / "set", train=2, val=2)
    folder = tmp_path / IN_THE_WAY.get(name, "mine")
    if name == "train.py":
        shapes.write(folder, train=3, val=3)
    elif not folder.exists():
        holding(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = command(name.strip(), *COMMANDS[name], cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"{name.strip()}: error: "), result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_an_empty_folder_may_be_used(tmp_path):
    (tmp_path / "name").mkdir()
    with files.atomic(tmp_path / "name", "artifact") as temporary:
        (temporary / "new").touch()
    assert (tmp_path / "name/new").exists()


@pytest.mark.fault
@pytest.mark.parametrize("name", ["data.yaml", "notes.json", "model.onnx", "model.tflite"])
def test_an_output_is_no_file_of_the_user(tmp_path, name):
    (tmp_path / name).write_text('{"mine": 1}')
    with pytest.raises(PinchError, match="that Pinch did not make"):
        ownership.require_output(tmp_path / name)


def test_records_and_images_that_are_made_again_are_replaced(tmp_path):
    (tmp_path / "record.json").write_text('{"kind": "accuracy", "result": {}, "provenance": {}}')
    (tmp_path / "samples.png").write_bytes(b"")
    for name in ("record.json", "samples.png", "new.json"):
        ownership.require_output(tmp_path / name)


@pytest.mark.fault
def test_a_folder_for_one_thing_is_not_claimed_for_another(tmp_path):
    """A folder of the user's in which a data.yaml was prepared does not become one whose images may be removed."""
    folder = holding(tmp_path / "mine")
    ownership.claim(folder, "prepared data set", ["data.yaml"])
    (folder / "images").mkdir()
    with pytest.raises(PinchError, match="holds images that Pinch did not make"):
        ownership.claim(folder, "converted data set", ["images", "labels"])
    assert ownership.is_marked(folder, "prepared data set")
