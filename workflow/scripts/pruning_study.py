#!/usr/bin/env python
"""Run the pruning study through the workflow and write its tables: pruning.csv, kept.csv and ablations.csv.

Options that this command does not know go to Snakemake. If it is stopped and started again, it runs only what is
missing.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pinch.core import cli, yaml_files
from pinch.core.errors import PinchError
from pinch.core.files import atomic

if TYPE_CHECKING:
    from pinch.studies.pruning_study import Run

ROOT = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, then write the tables."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "--study", type=Path, default=ROOT / "config/pruning_study.yaml", help="configuration of the first run"
    )
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "config/studies/pruning_runs.yaml", help="what the further runs change"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs/studies", help="folder of the tables")
    parser.add_argument("--profile", default="profiles/local", help="Snakemake's profile")
    parser.add_argument(
        "--parallel", type=cli.whole, default=2, help="number of further runs at the same time, which share the cores"
    )
    arguments, others = parser.parse_known_args(argv)
    from pinch.studies import pruning_study

    configurations = [yaml_files.read_yaml(path) for path in (arguments.study, arguments.runs)]
    first, *later = pruning_study.runs(*configurations)
    options = ["--profile", arguments.profile, *others]
    _snakemake(first, options)
    cores = max(1, len(os.sched_getaffinity(0)) // arguments.parallel)
    with ThreadPoolExecutor(arguments.parallel) as pool:
        list(pool.map(lambda run: _snakemake(run, [*options, "--cores", str(cores)]), later))
    _write_tables([first, *later], arguments.output)


def _snakemake(run: "Run", options: list[str]) -> None:
    configuration = Path("results") / run.name / "config.yaml"
    with atomic(configuration) as path:
        path.write_text(yaml_files.text(run.config))
    command = [sys.executable, "-m", "snakemake", run.target, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", str(configuration), *options]
    if subprocess.run(command).returncode:
        raise PinchError(f"the run {run.name} failed: correct what its messages above say, and run this command again")


def _write_tables(runs: "list[Run]", folder: Path) -> None:
    from pinch.studies import pruning_study

    results = Path("results")
    pruning = pruning_study.pruning_table(runs, results)
    tables = {"pruning": pruning, "kept": pruning_study.kept_table(pruning)}
    tables["ablations"] = pruning_study.ablation_table(runs, results)
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        with atomic(folder / f"{name}.csv") as path:
            table.to_csv(path, index=False, float_format="%.4f")
        print(f"\n{folder / name}.csv\n{table.to_string(index=False, float_format='{:.3f}'.format)}")


if __name__ == "__main__":
    cli.run(main, starts_snakemake=True)
