"""`make setup` makes an environment whole that was broken off. No network is needed: pip may not look there."""

import os
import subprocess
import sys
import venv

import pytest
from conftest import ROOT

HASH = "0" * 64


def setup(folder):
    """Run setup.sh for a package that cannot be had: it ends when pip has failed."""
    (folder / "requirements.txt").write_text(f"absent==1 --hash=sha256:{HASH}\n")
    line = ["bash", str(ROOT / "workflow/setup.sh"), sys.executable, ".venv", "requirements.txt"]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, env=os.environ | {"PIP_NO_INDEX": "1"})


def pip_of(folder):
    done = subprocess.run([str(folder / ".venv/bin/python"), "-m", "pip", "--version"], capture_output=True, text=True)
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.fault
def test_an_environment_that_was_broken_off_is_made_anew(tmp_path):
    venv.create(tmp_path / ".venv", with_pip=False, symlinks=True)
    (tmp_path / ".venv/.made-by-setup").touch()
    (tmp_path / ".venv/half-installed").touch()
    assert not pip_of(tmp_path)
    done = setup(tmp_path)
    assert done.returncode == 1
    assert "No matching distribution found for absent==1" in done.stderr
    assert "setup: pip failed, as it says above" in done.stderr
    assert pip_of(tmp_path)
    assert not (tmp_path / ".venv/half-installed").exists()
    assert (tmp_path / ".venv/.unfinished").exists()


@pytest.mark.fault
def test_an_environment_of_someone_else_is_never_removed(tmp_path):
    venv.create(tmp_path / ".venv", with_pip=False, symlinks=True)
    before = sorted(tmp_path.rglob("*"))
    done = setup(tmp_path)
    assert done.returncode == 1
    assert ".venv has no working pip, and setup did not make it: move it away and call make again" in done.stderr
    assert sorted(path for path in tmp_path.rglob("*") if path.name != "requirements.txt") == before
