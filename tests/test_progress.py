"""Progress of trainings, read from run folders as Ultralytics leaves them."""

import os
import shutil
import threading

import pytest

from pinch.core.errors import PinchError
from pinch.operations import progress

NOW = 1_000_000.0
HEADER = "epoch,time,train/box_loss,metrics/mAP50(B),metrics/mAP50-95(B)\n"


def begin(results, model, rows, silent, done=False):
    """A run folder of a training of 10 epochs that last changed `silent` seconds before NOW."""
    folder = results / "models" / model
    folder.mkdir(parents=True)
    (folder / "args.yaml").write_text("epochs: 10\n")
    if rows:
        (folder / "results.csv").write_text(HEADER + rows)
    for path in (folder, *folder.iterdir()):
        os.utime(path, (NOW - silent, NOW - silent))
    if done:
        checkpoint = results / f"models/{model}.pt"
        checkpoint.write_bytes(b"")
        os.utime(checkpoint, (NOW, NOW))


def test_trainings_tell_epoch_accuracy_and_time_left(tmp_path):
    begin(tmp_path, "base", "1,60,2.0,0.5,0.3\n2,120,1.9,0.4,0.2\n", silent=20)
    (found,) = progress.trainings(tmp_path, NOW)
    assert (found.model, found.state, found.epoch, found.epochs) == ("base", "running", 2, 10)
    assert (found.map50, found.map50_95, found.best) == (0.4, 0.2, 0.3)
    assert found.seconds_left == 8 * 60
    assert found.silent_seconds == 20


def test_states_and_order(tmp_path):
    rows = "1,60,2.0,0.5,0.3\n"
    begin(tmp_path, "finished", rows, silent=30, done=True)
    begin(tmp_path, "killed", rows, silent=4000)
    begin(tmp_path, "begun", "", silent=1)
    found = {training.model: training for training in progress.trainings(tmp_path, NOW)}
    assert {name: training.state for name, training in found.items()} == {
        "killed": "silent",
        "finished": "done",
        "begun": "running",
    }
    assert list(found) == ["killed", "finished", "begun"]
    assert found["finished"].seconds_left is None
    assert (found["begun"].epoch, found["begun"].map50, found["begun"].seconds_left) == (0, None, None)


def test_trainings_of_studies_are_shown_too(tmp_path):
    begin(tmp_path, "base", "1,60,2.0,0.5,0.3\n", silent=20)
    begin(tmp_path, "masks_held", "1,60,2.0,0.5,0.3\n", silent=10)
    (tmp_path / "studies/explain").mkdir(parents=True)
    (tmp_path / "models/masks_held").rename(tmp_path / "studies/explain/masks_held")
    assert [training.model for training in progress.trainings(tmp_path, NOW)] == ["base", "masks_held"]


def test_slow_epochs_are_not_taken_for_silence(tmp_path):
    begin(tmp_path, "slow", "1,3600,2.0,0.5,0.3\n", silent=4000)
    assert progress.trainings(tmp_path, NOW)[0].state == "running"


def test_a_line_being_written_is_left_out(tmp_path):
    begin(tmp_path, "base", "1,60,2.0,0.5,0.3\n2,120,1.", silent=1)
    assert progress.trainings(tmp_path, NOW)[0].epoch == 1


@pytest.mark.fault
def test_trainings_that_change_while_they_are_read_are_left_out(tmp_path):
    whole = HEADER + "1,60,2.0,0.5,0.3\n2,120,1.9,0.4,0.2\n"
    ends = threading.Event()

    def train():
        while not ends.is_set():
            begin(tmp_path, "changing", "", silent=1)
            folder = tmp_path / "models/changing"
            for length in range(0, len(whole), 7):
                (folder / "results.csv").write_text(whole[:length])
            (folder / "args.yaml").write_text("epo")
            (folder / "args.yaml").write_text("epochs: [")
            shutil.rmtree(folder)

    begin(tmp_path, "other", "1,60,2.0,0.5,0.3\n", silent=30)
    training = threading.Thread(target=train)
    training.start()
    try:
        seen = [progress.trainings(tmp_path, NOW) for _ in range(1000)]
    finally:
        ends.set()
        training.join()
    assert all(any(each.model == "other" and each.epoch == 1 for each in found) for found in seen)
    assert {each.epoch for found in seen for each in found if each.model == "changing"} >= {0, 1}


def test_a_folder_without_models_is_no_run(tmp_path):
    with pytest.raises(PinchError, match="name the folder of a run"):
        progress.trainings(tmp_path)


def test_command_shows_what_runs_and_all_on_demand(command, tmp_path):
    begin(tmp_path, "finished", "1,60,2.0,0.5,0.3\n", silent=30, done=True)
    begin(tmp_path, "killed", "1,60,2.0,0.5,0.3\n", silent=4000)
    shown = command("progress.py", tmp_path).stdout
    assert "1 trainings done, 1 begun" in shown
    assert "killed" in shown
    assert "silent" in shown
    assert "finished" not in shown
    assert "finished" in command("progress.py", tmp_path, "--all").stdout
    refused = command("progress.py", tmp_path / "none")
    assert refused.returncode != 0
    assert "does not exist: name the folder of a run" in refused.stderr
