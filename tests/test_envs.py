"""The conda environments of the rules: as the lock file says, used by rules, and enough for their commands."""

import importlib.util
import re
import sys

import environment_steps
import made_up_run
import pytest
import yaml
from conftest import ROOT

from pinch.run.formats import FORMATS

NAMES = list(environment_steps.STEPS)


@pytest.fixture(scope="module")
def make_envs():
    """The tool that writes the environments."""
    spec = importlib.util.spec_from_file_location("make_envs", ROOT / "requirements/make_envs.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_envs"] = module
    spec.loader.exec_module(module)
    return module


def test_environments_are_as_the_lock_file_says(make_envs):
    written = {path.stem: path.read_text() for path in (ROOT / "envs").glob("*.yaml")}
    assert written == make_envs.environments()


@pytest.mark.parametrize("name", NAMES)
def test_only_python_and_pip_come_from_conda_forge(name):
    environment = yaml.safe_load((ROOT / f"envs/{name}.yaml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    assert conda == ["python=3.11", "pip"]


@pytest.mark.parametrize("name", NAMES)
def test_versions_are_those_of_the_local_environment(name):
    locked = set(re.findall(r"^([\w.-]+==[^ ;\\]+)", (ROOT / "requirements/local.txt").read_text(), re.MULTILINE))
    pinned = {str(requirement).split(";")[0].strip() for requirement in environment_steps.requirements(name)}
    extra = {line for line in pinned if line.startswith("onnxruntime-gpu==")}
    assert pinned - extra <= locked
    assert bool(extra) == (name == "measure_gpu")
    assert not (extra and any(line.startswith("onnxruntime==") for line in pinned))


def test_every_environment_is_some_rules_and_has_steps():
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    used = set(re.findall(r"envs/([a-z_]+)\.yaml", text))
    used |= {entry.environment for entry in FORMATS.values()} | {"measure", "measure_gpu"}
    assert used == set(NAMES) == {path.stem for path in (ROOT / "envs").glob("*.yaml")}


def test_lock_reader_follows_what_needs_what(make_envs, tmp_path):
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "Base_Lib==1.0 ; python_version < '3.12' \\\n    --hash=sha256:0\n"
        "    # via\n    #   -r local.in\n    #   top[extra]\n"
        "base-lib==2.0 ; python_version >= '3.12'\n    # via top\n"
        "leaf==3\n    # via base-lib\n"
        "other==4\n    # via -r local.in\n"
        "top==5\n    # via -r local.in\n"
    )
    read = make_envs.read_lock(lock)
    assert make_envs.closure(["top"], read) == [
        "Base_Lib==1.0 ; python_version < '3.12'",
        "base-lib==2.0 ; python_version >= '3.12'",
        "leaf==3",
        "top==5",
    ]
    with pytest.raises(SystemExit, match="absent"):
        make_envs.closure(["absent"], read)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The folder in which the steps of all environments run."""
    folder = tmp_path_factory.mktemp("steps")
    made_up_run.add_evidence(made_up_run.make(folder / "run"), (20, 20))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_commands_run_with_nothing_but_their_environment(name, work, tmp_path):
    environment_steps.run(name, work, environment_steps.linked_environment(name, tmp_path))
