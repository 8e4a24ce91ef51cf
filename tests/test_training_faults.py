"""Trainings that are killed, diverge, run out of memory or are started twice: what is kept, and what is said."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import detectors
import pytest
import shapes
import torch
from conftest import SCRIPTS
from ultralytics.nn.tasks import DetectionModel, yaml_model_load

from pinch.core import lock, records
from pinch.core.environment import library_path
from pinch.core.errors import PinchError
from pinch.core.record_types.weights import TrainingRecord
from pinch.weights import checkpoints
from pinch.weights.training import results, resuming
from pinch.weights.training.fit import train
from pinch.weights.training.request import Request
from pinch.weights.training.trainer import Trainer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shapes.write(tmp_path_factory.mktemp("shapes"), train=16, val=4)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A detector of few layers: copying and saving layers takes most of the time of so short trainings."""
    few = DetectionModel(yaml_model_load("yolov3-tiny.yaml") | {"width_multiple": 0.0625}, nc=3, verbose=False)
    return detectors.write(tmp_path_factory.mktemp("base") / "base.pt", few, names=shapes.NAMES)


@pytest.fixture
def request_of(data, base, tmp_path):
    def make(**options):
        options = {"name": "tuned", "epochs": 3, "batch": 8, "resume": True, **options}
        return Request(data=data, project=tmp_path / "models", base=base, **options)

    return make


@pytest.fixture(scope="module")
def unbroken(data, base, tmp_path_factory):
    """The record of a training that nothing disturbed."""
    return train(Request("tuned", data, tmp_path_factory.mktemp("unbroken"), base, epochs=3, batch=8))


class Killed(BaseException):
    """Nothing that is written after it is written."""


def killed_in(monkeypatch, request, method, epoch=0, before=True):
    """Train until a method of the trainer is called in an epoch, and end there."""
    original = getattr(Trainer, method)

    def ending(self, *arguments, **options):
        if self.epoch < epoch:
            return original(self, *arguments, **options)
        if not before:
            original(self, *arguments, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, method, ending)
        with pytest.raises(Killed):
            train(request)


def epochs_of(record):
    return [row.epoch for row in record.curve]


def require_same(found, expected):
    assert epochs_of(found) == epochs_of(expected)
    for ours, theirs in zip(found.curve, expected.curve, strict=True):
        measured = {key: value for key, value in vars(theirs).items() if value is not None}
        assert {key: getattr(ours, key) for key in measured} == pytest.approx(measured, rel=1e-3, abs=1e-3)


# --- Losses that are not finite ---------------------------------------------------------------------------------------


@pytest.mark.fault
def test_a_training_that_diverges_at_once_is_refused_at_the_step_where_it_is_certain(request_of, monkeypatch):
    steps, preprocess = [], Trainer.preprocess_batch

    def undefined(self, batch):
        steps.append(1)
        batch = preprocess(self, batch)
        batch["img"][0] /= 0 if len(steps) == 2 else 1
        return batch

    monkeypatch.setattr(Trainer, "preprocess_batch", undefined)
    with pytest.raises(PinchError, match=r"became infinite or undefined before any epoch .*: lower lr0"):
        train(request_of(batch=2))
    assert len(steps) == 2, "an epoch has 8"


@pytest.mark.fault
def test_a_training_that_diverges_later_keeps_its_best_epoch_and_says_so(request_of, monkeypatch, tmp_path):
    start = Trainer._model_train

    def poisoned(self):
        start(self)
        if self.epoch == 1:
            next(self.model.parameters()).data.fill_(float("nan"))

    monkeypatch.setattr(Trainer, "_model_train", poisoned)
    request = request_of(epochs=4)
    found = train(request)
    assert (found.diverged_epoch, epochs_of(found), found.epochs_requested) == (2, [1], 4)
    assert all(p.isfinite().all() for p in checkpoints.load(request.checkpoint).model.parameters())
    records.write(tmp_path / "record.json", found)
    assert records.read(tmp_path / "record.json", TrainingRecord).value.diverged_epoch == 2
    request.checkpoint.unlink()
    assert train(request).diverged_epoch == 2, "a second attempt takes the model over"


@pytest.mark.fault
def test_losses_that_are_not_finite_leave_a_record_that_can_be_written(tmp_path):
    keys = ["metrics/mAP50(B)", "metrics/mAP50-95(B)", "metrics/precision(B)", "metrics/recall(B)"]
    rows = ["1,2.0,0.5,0.4,0.3,0.2,nan,inf", "2,4.0,nan,nan,0.3,0.2,1.0,1.0"]
    path = tmp_path / "results.csv"
    path.write_text("\n".join([",".join(["epoch", "time", *keys, "train/box_loss", "val/box_loss"]), *rows]))
    (epoch,) = results.curve(path)
    assert (epoch.map50_95, epoch.train_box_loss, epoch.val_box_loss) == (0.4, None, None)


# --- Memory of the GPU ------------------------------------------------------------------------------------------------


@pytest.mark.fault
def test_a_batch_that_was_halved_for_want_of_memory_is_in_the_record_and_stays(request_of, monkeypatch):
    """Ultralytics' own path, which is the same on every device; the error is what CUDA raises."""
    preprocess, sizes = Trainer.preprocess_batch, []

    def too_much(self, batch):
        sizes.append(len(batch["img"]))
        if sizes[-1] > 4:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return preprocess(self, batch)

    monkeypatch.setattr(Trainer, "preprocess_batch", too_much)
    request = request_of(epochs=2)
    killed_in(monkeypatch, request, "save_model", epoch=0, before=False)
    assert sizes[:3] == [8, 4, 4]
    sizes.clear()
    found = train(request)
    assert (found.batch, found.batch_used) == (8, 4)
    assert max(sizes) == 4, "a resumed run does not try again what failed"


@pytest.mark.fault
def test_a_batch_that_never_fits_ends_in_a_sentence(request_of, monkeypatch):
    def too_much(self, batch):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Trainer, "preprocess_batch", too_much)
    with pytest.raises(PinchError, match=r"needs more memory than the GPU has.*lower train.batch"):
        train(request_of())


# --- Broken files of a run --------------------------------------------------------------------------------------------


@pytest.mark.fault
def test_an_unreadable_last_checkpoint_costs_the_epochs_since_the_best(request_of, monkeypatch, capsys):
    request = request_of(epochs=2)
    killed_in(monkeypatch, request, "save_model", epoch=0, before=False)
    last = request.run_folder / "weights/last.pt"
    last.write_bytes(last.read_bytes()[:1000])
    found = train(request)
    printed = capsys.readouterr().out
    assert "last.pt cannot be read" in printed
    assert "resuming from" in printed
    assert "best.pt, which has" in printed
    assert epochs_of(found) == [1, 2]


@pytest.mark.fault
def test_an_unreadable_model_and_one_of_another_request_are_moved_not_removed(request_of, capsys):
    request = request_of(epochs=1)
    train(request)
    train(dataclasses.replace(request, seed=1))
    earlier = request.project / "earlier/tuned/weights"
    assert "is of another request" in (printed := capsys.readouterr().out)
    assert f"the earlier run is kept in {earlier.parent}" in printed
    assert checkpoints.load(earlier / "best.pt")
    (request.run_folder / "weights/best.pt").write_bytes(b"torn")
    assert not train(dataclasses.replace(request, seed=1)).taken_over
    assert "best.pt, is lost: training starts from the beginning" in capsys.readouterr().out
    assert (earlier / "best.pt").read_bytes() == b"torn"


@pytest.mark.fault
def test_an_unreadable_state_is_replaced_by_the_averaged_weights(request_of, monkeypatch, capsys):
    request = request_of(epochs=2)
    killed_in(monkeypatch, request, "save_model", epoch=0, before=False)
    (state,) = (request.run_folder / "weights").glob("state-*.pt")
    state.write_bytes(b"")
    assert epochs_of(train(request)) == [1, 2]
    assert "going on from its averaged weights" in capsys.readouterr().out


# --- Kills ------------------------------------------------------------------------------------------------------------


@pytest.mark.fault
def test_a_kill_between_two_writes_leaves_one_row_for_each_epoch(request_of, monkeypatch, unbroken):
    request = request_of()
    killed_in(monkeypatch, request, "save_model", epoch=1)
    with open(request.run_folder / "results.csv", "a") as stream:
        stream.write("3,1.2")  # and a row that was being written
    require_same(train(request), unbroken)


@pytest.mark.fault
def test_a_training_that_patience_ended_is_finished_though_its_last_step_was_not(request_of, monkeypatch):
    validate = Trainer.validate

    def worse(self):
        metrics, _ = validate(self)
        self.best_fitness = 0.5
        return metrics, 0.5 / (self.epoch + 1)

    monkeypatch.setattr(Trainer, "validate", worse)
    request = request_of(epochs=9, patience=1)
    with monkeypatch.context() as patch:
        patch.setattr(resuming, "strip_optimizer", half_written)
        with pytest.raises(Killed):
            train(request)
    found = train(request)
    assert found.taken_over
    assert epochs_of(found) == [1, 2]
    assert not list(request.run_folder.rglob("*.part"))


def half_written(path, s):
    Path(s).write_bytes(Path(path).read_bytes()[:1000])
    raise Killed


@pytest.mark.fault
def test_a_training_with_a_teacher_can_be_resumed(request_of, base, monkeypatch, capsys):
    request = request_of(epochs=2, teacher=base)
    killed_in(monkeypatch, request, "save_model", epoch=0, before=False)
    found = train(request)
    assert "resuming from" in capsys.readouterr().out
    assert epochs_of(found) == [1, 2]
    assert found.curve[1].train_dis_loss > 0


@pytest.fixture
def command(data, base, tmp_path):
    """Start train.py in a process of its own; its standard output can be read line by line."""

    def start(project):
        line = [sys.executable, str(SCRIPTS / "train.py"), "tuned", "--dataset", str(data), "--project", str(project)]
        line += ["--base-model", str(base), "--resume", "--epochs", "3", "--batch", "8", "--imgsz", "64"]
        return subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env={**os.environ, "YOLO_VERBOSE": "false"})

    return start


@pytest.mark.fault
def test_sigterm_and_then_kill_end_a_training_that_is_resumed_to_the_same_result(
    command, request_of, unbroken, tmp_path
):
    project, printed = tmp_path / "models", []
    for number in (signal.SIGTERM, signal.SIGKILL):
        with command(project) as process:
            for line in process.stdout:
                printed.append(line)
                if "epoch 2/3" in line:
                    break
            process.send_signal(number)
            process.wait(60)
        assert process.returncode == (143 if number == signal.SIGTERM else -9)
        left = {path.name for path in project.glob(".*")}
        assert left == (set() if number == signal.SIGTERM else {".tuned.lock", ".tuned-start"})
    assert any("resuming from" in line for line in printed)
    require_same(train(request_of(imgsz=64)), unbroken)
    assert not list(project.glob(".*"))


@pytest.mark.fault
def test_sigterm_ends_the_processes_of_a_training_on_several_gpus_too():
    """Ultralytics starts one process, which starts one for each GPU; a shell and its child stand for them here."""
    code = (
        "import subprocess, sys; from pinch.core.processes import ending_with_this\n"
        "with ending_with_this(): subprocess.run(['sh', '-c', 'sleep 300 & echo $!; wait'])"
    )
    line, environment = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": library_path()}
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment) as process:
        inner = int(process.stdout.readline())
        process.terminate()
        assert process.wait(30) == 143
    assert not Path(f"/proc/{inner}").exists() or "zombie" in Path(f"/proc/{inner}/status").read_text()


# --- Two at once ------------------------------------------------------------------------------------------------------


@pytest.mark.fault
def test_a_second_training_in_one_folder_is_refused_and_told_who_is_there(request_of, monkeypatch):
    monkeypatch.setattr(lock, "GRACE_SECONDS", 0)
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    request = request_of()
    request.project.mkdir()
    with (
        lock.held(request.project / ".tuned.lock", "the training of tuned"),
        pytest.raises(PinchError, match=r"training of tuned is already run by SLURM job 4711 on .* scancel 4711"),
    ):
        train(request)
    assert not request.run_folder.exists()
