"""The shipped SLURM profile, with the values of a test's site, as plain YAML."""

import contextlib
import threading
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
import yte

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "profiles/slurm"
# Rules that use a GPU where the configuration says `device: gpu`.
GPU_RULES = (
    *("train_base", "tune_base", "tune_pruned", "tune_rival", "evaluate_model"),
    *("scan_layers", "explain_pruning", "explain_tuning"),
)

# Scenarios are started from several threads, which have one environment.
_ENVIRONMENT = threading.Lock()


def render(site: dict[str, Any], folder: Path, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """What Snakemake reads from the shipped profile when site.yaml has these values in place of its own.

    The environment is that of a Slurm; without one, there is none.
    """
    values = yaml.safe_load((SHIPPED / "site.yaml").read_text()) | site
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(values))
    variables = (environment or {"PATH": "/nowhere"}) | {"PINCH_SITE": str(path)}
    with _ENVIRONMENT, contextlib.chdir(ROOT), mock.patch.dict("os.environ", variables):
        return yte.process_yaml((SHIPPED / "config.yaml").read_text(), require_use_yte=True)


def for_tests(site: dict[str, Any], folder: Path, environment: dict[str, str], **changes: Any) -> Path:
    """The folder of a profile for the test cluster: the shipped one, faster, with GPUs that need not be there.

    Training and evaluation compute on the CPU (`device: cpu`) but ask for what they ask for with `device: gpu`, so that
    the scheduler gives out its GPUs as it would on a real cluster.
    """
    profile = render(site, folder, environment)
    # The nodes' many processors are made up.
    profile["set-threads"] = dict.fromkeys(profile["set-threads"], 1)
    for rule in GPU_RULES:
        wanted = {"gpu": 1, "slurm_partition": repr(site["gpu_partition"])}
        profile["set-resources"][rule] = profile["set-resources"].get(rule, {}) | wanted
    pace = {"slurm-init-seconds-before-status-checks": 3, "seconds-between-status-checks": 3, "latency-wait": 10}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(profile | pace | changes, sort_keys=False))
    return folder
