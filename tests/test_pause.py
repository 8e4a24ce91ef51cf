"""A training pauses before its job is ended, and the same command continues it."""

import os

import detectors
import pytest
import shapes

from pinch.core.environment import DEADLINE
from pinch.weights.training import runs
from pinch.weights.training.fit import train
from pinch.weights.training.request import Request


@pytest.mark.slow
@pytest.mark.fault
def test_a_training_pauses_before_its_deadline_and_goes_on(command, tmp_path, capsys):
    data = shapes.write(tmp_path / "data", train=4, val=2)
    base = detectors.write(tmp_path / "base.pt", width=0.125, names=shapes.NAMES)
    options = ["--base-model", base, "--epochs", 2, "--batch", 4, "--imgsz", 64, "--resume"]
    # The time is over with the first epoch, and no Slurm is there to run the job again.
    done = command(
        *("train.py", "mine", "--dataset", data, "--project", tmp_path / "models", *options),
        env=os.environ | {DEADLINE: "1", "PATH": "/nowhere"},
    )
    assert done.returncode == os.EX_TEMPFAIL, done.stderr
    assert "training mine pauses: its next epoch would not end before the job's time limit" in done.stderr
    assert "there is no scontrol here" in done.stderr
    assert "start the same command again" in done.stderr
    request = Request("mine", data, tmp_path / "models", base, epochs=2, batch=4, imgsz=64, resume=True)
    assert not runs.is_finished(request.run_folder / "weights/last.pt")
    assert train(request).epochs_run == 2
    assert "resuming from" in capsys.readouterr().out
