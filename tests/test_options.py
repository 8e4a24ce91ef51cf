"""Options: declared once, and the same in the schema, in config/README.md, on the command line and in the library."""

import argparse
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest
from conftest import ROOT

import generate
from pinch.artifacts.session import ExportSettings
from pinch.core import arguments, options, schema
from pinch.core.errors import PinchError
from pinch.core.options import COMMAND, CONFIG, option, options_of
from pinch.measuring import timing
from pinch.run import reference
from pinch.run.settings import data, exporting, measuring, pruning, training
from pinch.run.settings.sections import CHAPTERS
from pinch.weights.pruning import kinds

SECTIONS = [section for chapter in CHAPTERS.values() for section in chapter]
# Wants reach commands as a list, see test_wants.py.
PARTS = [part for section in SECTIONS if not section.usual for part in section.parts if part is not data.General]
# Each command with what it takes from the configuration, and the declaration that a made-up option joins.
COMMANDS = [
    ("synthesize_hands.py", "synthetic", data.Synthetic),
    ("train.py", "train", training.Batches),
    ("train.py", "fine", training.Training),
    ("coarse_prune.py", "coarse", pruning.CoarsePruning),
    ("fine_prune.py", "fine", pruning.FinePruning),
    ("scan_layers.py", "sensitivity", pruning.LayerScan),
    ("quantization.py", "export", exporting.Export),
    ("measure_inference.py", "measure", measuring.Timing),
]


def parser(*declarations):
    made = argparse.ArgumentParser()
    for declaration in declarations:
        arguments.add_arguments(made, declaration)
    return made


def defaults(declaration):
    """Values of a section, as the schema fills them in."""
    return {name: entry["default"] for name, entry in reference.schema_of(declaration).items()}


def test_what_is_generated_is_up_to_date():
    for path, text in reference.generated(ROOT).items():
        assert path.read_text() == text, f"{path} is stale: run `make generate`"


def test_stale_files_are_named(monkeypatch, tmp_path):
    for path in (reference.SCHEMA, reference.README):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    generate.main(["--check"])
    readme = tmp_path / reference.README
    readme.write_text(readme.read_text().replace("| 640 |", "| 320 |"))
    with pytest.raises(PinchError, match=r"^not up to date with the declared options: config/README\.md;"):
        generate.main(["--check"])
    generate.main([])
    assert readme.read_text() == (ROOT / reference.README).read_text()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_defaults_of_the_configuration_are_those_of_command_and_library(part):
    said = arguments.rule_arguments(part, defaults(part))
    assert arguments.from_arguments(part, parser(part).parse_args(said)) == part()
    assert arguments.from_arguments(part, parser(part).parse_args([])) == part()


def outside(keyword, limit):
    return {"minimum": limit - 1, "maximum": limit + 1, "multipleOf": limit + 1}.get(keyword, limit)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_schema_and_command_refuse_the_same_values(part, capsys):
    rules = {"type": "object", "properties": reference.schema_of(part)}
    for declared in options.options_of(part):
        for keyword, limit in declared.limits.items() if declared.where == (CONFIG, COMMAND) else ():
            wrong = declared.kind(outside(keyword, limit))
            values = [wrong] * (declared.count or 1) if declared.many else wrong
            with pytest.raises(PinchError) as refused:
                schema.validate({declared.name: values}, rules)
            with pytest.raises(SystemExit):
                parser(part).parse_args(arguments.rule_arguments(part, defaults(part) | {declared.name: values}))
            reason = str(refused.value).split(": ", 1)[1]
            assert f"argument {declared.flag}: {reason}" in capsys.readouterr().err


def test_what_was_stated_in_several_ways_is_one_value():
    schema_of = reference.schema_of
    assert schema_of(pruning.FinePruning)["scope"]["default"] == kinds.fine_pruning(0.5).scope == "lamp"
    assert schema_of(measuring.Timing)["frames"]["default"] == timing.TimingSettings().frames == 60
    methods = schema_of(exporting.Export)["calibration_methods"]["default"]
    assert tuple(methods) == ExportSettings().calibration_methods == ("minmax",)
    assert schema_of(pruning.CoarsePruning)["norm"]["default"] == 2
    assert schema_of(training.Training)["patience"]["minimum"] == schema_of(measuring.Timing)["warmup"]["minimum"] == 0


@dataclass(frozen=True, kw_only=True)
class Made:
    number: int = option(3, help="100% `made` up", minimum=1, maximum=9)
    share: float = option(0.5, help="share", above=0, below=1)
    names: tuple[str, ...] = option(("a",), help="names", choices=("a", "b"))
    flag: bool = option(False, help="flag")
    limit: int | None = option(None, help="limit")
    pairs: dict = option({}, help="pairs", flag="--set")


def test_options_become_arguments_and_settings():
    values = {"number": 4, "share": 0.25, "names": ["a", "b"], "flag": True, "limit": None, "pairs": {"x": 1, "y": "z"}}
    said = arguments.rule_arguments(Made, values)
    assert said == [*("--number", "4", "--share", "0.25", "--names", "a", "b", "--flag", "--set", "x=1", "y=z")]
    found = arguments.from_arguments(Made, parser(Made).parse_args(said))
    assert found == Made(number=4, share=0.25, names=("a", "b"), flag=True, pairs={"x": 1, "y": "z"})
    assert arguments.rule_arguments(Made, values, only=("limit", "flag")) == ["--flag"]
    assert "100% made up" in " ".join(parser(Made).format_help().split())


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (["--number", "0"], "0 is less than 1: give a whole number, at least 1, at most 9"),
        (["--number", "x"], "x is not a whole number, at least 1, at most 9"),
        (["--share", "1"], "1 must be less than 1: give a number, more than 0, less than 1"),
        (["--names", "c"], "invalid choice: 'c'"),
        (["--set", "x"], "'x' is not KEY=VALUE"),
    ],
)
def test_wrong_arguments_get_one_sentence(said, sentence, capsys):
    with pytest.raises(SystemExit):
        parser(Made).parse_args(said)
    assert sentence in capsys.readouterr().err


def declare(folder, declaration, name):
    """Add an option to a declaration, as its first."""
    path = folder / f"workflow/scripts/{declaration.__module__.replace('.', '/')}.py"
    line = f'    {name}: int = option(7, help="of `{declaration.__name__}`, made up", minimum=1)\n'
    head = re.compile(rf'class {declaration.__name__}\b[^\n]*:\n    """.*?"""\n', re.DOTALL)
    path.write_text(head.sub(lambda match: f"{match[0]}\n{line}", path.read_text(), count=1))


def test_an_option_declared_in_one_place_is_found_everywhere(snakemake, tmp_path):
    project = tmp_path / "project"
    for name in ("config", "profiles", "rules", "workflow", "envs"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "Snakefile", project / "Snakefile")
    made_up = {declaration: f"made_up_{number}" for number, (_, _, declaration) in enumerate(COMMANDS)}
    for declaration, name in made_up.items():
        declare(project, declaration, name)
    scripts = project / "workflow/scripts"
    subprocess.run([sys.executable, scripts / "generate.py"], check=True, timeout=60)

    found = (project / reference.SCHEMA).read_text(), (project / reference.README).read_text()
    config = {"name": "some", "base_model": "yolo11n.yaml", "synthetic": {}, "sensitivity": {"scan": True}}
    config |= {"coarse": {"ratios": [0.5]}, "fine": {"ratios": [0.5]}}
    for number, (_, section, declaration) in enumerate(COMMANDS):
        config[section] = config.get(section, {}) | {made_up[declaration]: 10 + number}
    result = snakemake(tmp_path, "-n", "-p", "--snakefile", project / "Snakefile", config=config)
    assert result.returncode == 0, result.stdout + result.stderr
    for number, (command, section, declaration) in enumerate(COMMANDS):
        name = made_up[declaration]
        flag = f"--{name.replace('_', '-')}"
        assert f"Of {declaration.__name__}, made up." in found[0]
        assert f"| `{section}.{name}` | 7 | of `{declaration.__name__}`, made up |" in found[1]
        assert re.search(rf"{command} .*{flag} {10 + number}\b", result.stdout + result.stderr), name
        help = subprocess.run([sys.executable, scripts / command, "--help"], capture_output=True, text=True, timeout=60)
        assert f"of {declaration.__name__}, made up (default: 7)" in " ".join(help.stdout.split()), name


def test_kinds_of_pruning_are_the_declared_choices_with_the_declared_defaults():
    declarations = (pruning.CoarsePruning, pruning.FinePruning)
    choices = {each.name: each.choices for declaration in declarations for each in options_of(declaration)}
    assert choices["mode"] == tuple(kinds.MODES)
    assert choices["ranking"] == tuple(kinds.RANKINGS)
    assert choices["spread"] == tuple(kinds.SPREADS)
    assert choices["scope"] == tuple(kinds.SCOPES)
    assert choices["pattern"] == (kinds.TwoOfFour.pattern,)
    made = kinds.coarse_pruning(0.5)
    assert made.spread.name == pruning.CoarsePruning.spread
