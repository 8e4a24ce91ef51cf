"""Fixtures that several test modules share."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pinch.core.environment import isolate_ultralytics

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "workflow/scripts"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

# Small models gain nothing from threads, and the suite shares few cores with the workflow's own jobs.
os.environ.setdefault("OMP_NUM_THREADS", "1")
isolate_ultralytics()


def pytest_collection_modifyitems(items):
    """Fast tests first: what is simply wrong shows within minutes."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in ("slurm", "slow")])


@pytest.fixture(scope="session")
def command():
    """Run a command of the project as a user does: command("train.py", "--help") -> CompletedProcess."""

    def run(name, *arguments, **options):
        line = [sys.executable, str(SCRIPTS / name), *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, timeout=600, **options)

    return run


@pytest.fixture(scope="session")
def snakemake():
    """Run Snakemake on the project's workflow in a folder: snakemake(folder, "-n", configfile=...)."""

    def run(folder, *arguments, config=None, timeout=900):
        line = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(ROOT / "Snakefile")]
        line += ["--directory", str(folder), "--cores", "2", *map(str, arguments)]
        if config is not None:
            path = Path(folder) / "settings.yaml"
            path.write_text(yaml.safe_dump(config))
            line += ["--configfile", str(path)]
        return subprocess.run(line, capture_output=True, text=True, timeout=timeout, cwd=ROOT)

    return run


@pytest.fixture
def own_snakefile(tmp_path):
    """Runs Snakemake in the test's folder on a Snakefile of its own, which may import the library."""

    def run(text, *options, timeout):
        library = f'import sys\nsys.path.insert(0, "{ROOT}/workflow/scripts")\n'
        (tmp_path / "Snakefile").write_text(library + text)
        line = [str(Path(sys.executable).with_name("snakemake")), "--cores", "1", "--scheduler", "greedy", *options]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=timeout)

    return run


@pytest.fixture(scope="session")
def hands(tmp_path_factory):
    """A data.yaml of rendered hands, in a folder whose name has a space."""
    import real_bundles

    return real_bundles.render(tmp_path_factory.mktemp("rendered hands"))


@pytest.fixture(scope="session")
def bundles(command, hands, tmp_path_factory):
    """The shipped base in every format and precision that apps run: a zip for each, and a folder with what is in it."""
    import real_bundles

    return real_bundles.make(command, hands, tmp_path_factory.mktemp("made here"))
