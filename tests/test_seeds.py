"""Several seeds: which jobs they ask for, what depends on them, and what tables, pictures and pages say of them."""

import json
import re
from dataclasses import replace
from math import sqrt

import detectors
import made_up_records as made_up
import made_up_run
import pytest
import shapes
import yaml
from conftest import ROOT
from test_requests import WORK, configuration, write_dataset
from test_workflow import jobs

from pinch.core import records, schema
from pinch.core.errors import PinchError
from pinch.core.record_types.measurements import AccuracyRecord
from pinch.measuring import interval
from pinch.operations import experience
from pinch.operations.rates import Job
from pinch.report import captions, contents, pages
from pinch.report.plots import sensitivity, style
from pinch.run import identity, manifest, seeds
from pinch.run.identity import Model
from pinch.tables import gathering, output_types
from pinch.tables import seeds as tables

DATA = {"name": "some", "synthetic": {"images": [2, 1, 1]}, "base_model": "yolo11n.yaml"}
PRUNING = {"coarse": {"ratios": [0.5]}, "fine": {"ratios": [0.3]}, "export": {"artifacts": ["full.onnx"]}}
SEEDS = {"seeds": [1, 2, 3]}
SCHEMA = schema.load(str(ROOT / "workflow/schemas/config.schema.yaml"))


# --- The configuration ------------------------------------------------------------------------------------------------
def settled(**values):
    """The run's own seed, and the others."""
    config = {"name": "some", **values}
    seeds.settle(config)
    schema.validate(config, SCHEMA)
    return config["seed"], seeds.others(config)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, (0, [])),
        ({"seed": 7}, (7, [])),
        ({"seeds": [4]}, (4, [])),
        ({"seeds": [3, 1, 2]}, (3, [1, 2])),
        ({"seeds": [3, 1, 2], "seed": 1}, (1, [3, 2])),
    ],
)
def test_the_first_seed_is_the_runs_own_if_none_is_named(values, expected):
    assert settled(**values) == expected


@pytest.mark.fault
@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"seeds": [1, 2, 1]}, "seeds: 1 is listed twice"),
        ({"seeds": [-1, 2]}, "seeds.0: -1 is less than 0"),
        ({"seeds": [1, True]}, "seeds.1: True is not of type integer"),
        ({"seeds": [True, 1]}, "seeds.0: True is not of type integer"),
        ({"seeds": 3}, "seeds: 3 is not of type array"),
        ({"seeds": [1, 2], "seed": 3}, "seeds: 3 (seed) is not among [1, 2]: add it there, or leave out one of the"),
    ],
)
def test_wrong_seeds_are_refused_with_a_sentence(values, sentence):
    with pytest.raises(PinchError, match=re.escape(sentence)):
        settled(**values)


@pytest.mark.fault
def test_the_workflow_refuses_them_before_any_job(snakemake, tmp_path):
    result = snakemake(tmp_path, config=DATA | SEEDS | {"seed": 9})
    assert result.returncode != 0
    assert "The configuration is wrong: seeds: 9 (seed) is not among [1, 2, 3]" in result.stdout + result.stderr
    assert not (tmp_path / "results").exists()


# --- Names ------------------------------------------------------------------------------------------------------------
def test_names_of_other_seeds_differ_from_the_fixed_ones_and_manifests_carry_them(tmp_path):
    pruned = Model("demo", "coarse", 0.5, True)
    other = replace(pruned, seed=2)
    assert (str(pruned), str(other)) == ("demo_coarse_prune_50_tuned", "demo_seed2_coarse_prune_50_tuned")
    assert (str(Model("demo", seed=2)), str(other.untuned)) == ("demo_seed2", "demo_seed2_coarse_prune_50")
    assert (other.label, Model("demo", seed=2).label) == ("coarse 50%, seed 2", "demo, seed 2")
    assert identity.model_from_json(identity.to_json(other)) == other
    expected = manifest.Manifest([Model("demo"), pruned], [], [], [], [other], 1)
    (tmp_path / "manifest.json").write_text(json.dumps(expected.to_json()))
    assert manifest.load(tmp_path) == expected
    older = {key: value for key, value in expected.to_json().items() if key not in ("other_seeds", "seed")}
    (tmp_path / "manifest.json").write_text(json.dumps(older))
    assert (manifest.load(tmp_path).other_seeds, manifest.load(tmp_path).seed) == ([], None)


# --- The jobs ---------------------------------------------------------------------------------------------------------
def commands(result):
    """The command lines of a dry run, by the first words of the command."""
    lines = re.findall(r"^(?:Shell command: |\s+)(\w+\.py .*)$", result.stdout, re.MULTILINE)
    return [" ".join(line.split()) for line in lines]


def test_each_training_pruning_and_tuning_is_made_with_each_seed_on_one_data_set(snakemake, tmp_path):
    one, several = (snakemake(tmp_path, "-n", "-p", config=DATA | PRUNING | change) for change in ({"seed": 1}, SEEDS))
    found, before = jobs(several), jobs(one)
    made = ("train_base", "tune_base", "coarse_prune", "fine_prune", "tune_pruned", "evaluate_model")
    assert {rule: found[rule] for rule in made} == {rule: 3 * before[rule] for rule in made}
    assert {rule: count for rule, count in found.items() if rule not in (*made, "total")} == {
        rule: count for rule, count in before.items() if rule not in made
    }
    lines = commands(several)
    # Whatever a run with one seed does, it does in the same words: its data, and all that measures, know no other seed.
    changed = [line for line in commands(one) if line not in lines]
    assert [line.split()[0] for line in changed] == ["render_report.py"]
    for line in lines:
        made_by = re.match(r"(?:train|coarse_prune)\.py .*--seed (\d) .*--record \S+/some(?:_seed(\d))?[_.]", line)
        if made_by:
            assert made_by[1] == (made_by[2] or "1"), line
        elif "--seed" in line and not line.startswith("synthesize"):
            assert "--seed 1" in line, line
    (twin,) = [line for line in lines if line.startswith("train.py some_seed3_tuned ")]
    assert "--base-model results/some/models/some_seed3.pt" in twin


def test_a_given_detector_is_the_base_of_every_seed(snakemake, tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"")
    config = DATA | PRUNING | {"seeds": [1, 2], "trained_model": str(tmp_path / "mine.pt")}
    config["fine"] = {"ratios": [0.3], "schedule": "cubic", "teacher": "base"}
    result = snakemake(tmp_path, "-n", "-p", "models", config=config)
    found, lines = jobs(result), commands(result)
    assert {"import_model": 1, "tune_base": 2, "coarse_prune": 2, "tune_pruned": 4}.items() <= found.items()
    # The base, and with each seed its twin and two pruned models, before and after tuning.
    assert found["evaluate_model"] == 1 + 2 * 5
    (pruned,) = [line for line in lines if line.startswith("coarse_prune.py") and "--name some_seed2 " in line]
    assert "--model results/some/models/some.pt" in pruned
    (tuned,) = [line for line in lines if line.startswith("train.py some_seed2_fine_prune_30_tuned ")]
    for argument in ("--distill", "--gradual-from"):
        assert f"{argument} results/some/models/some.pt" in tuned
    assert "some_seed2.pt" not in result.stdout


def test_plans_count_the_jobs_of_every_seed_as_jobs_of_their_own(command, tmp_path):
    config = {"name": "some", "device": "gpu", "synthetic": {"images": [2000, 60, 60]}, "base_model": "yolo11n.yaml"}
    config |= PRUNING | SEEDS
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    result = command("plan.py", "--configfile", tmp_path / "config.yaml", "--directory", tmp_path / "run", cwd=ROOT)
    assert result.returncode == 0 or "the disk has" in result.stderr, result.stderr
    lines = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line.strip()}
    assert [lines[rule][1] for rule in ("train_base", "tune_base", "tune_pruned", "hagrid_to_yolo")] == [
        *("3", "3", "6", "1")
    ]
    # 100 epochs of 20,000 images at 400 a second and 600 at 600, three times.
    assert float(lines["train_base"][3]) == pytest.approx(3 * 100 * 51 / 3600, abs=0.1)


def test_the_tuning_of_a_twin_with_another_seed_tells_how_long_twins_take(tmp_path):
    folder = tmp_path / "results/one"
    write_dataset(folder / "records/dataset.json", 40_000, 6000, 6000)
    noted = experience.noted(configuration(device="gpu", fine={"ratios": [0.5]}))
    (folder / "manifest.json").write_text(json.dumps(noted))
    twin = Model("one", tuned=True, seed=2)
    training = replace(made_up.training_record(twin, 0.5), epochs_requested=15, epochs_run=15, seconds=15 * 330.0)
    records.write(folder / f"records/training/{twin}.json", training, seed=2)
    work = replace(WORK, epochs=WORK.epochs | {"twin": 15})
    found = experience.Experience.read(tmp_path / "results", on_slurm=False)
    assert found.factor(Job("tune_base", gpu=True), work) == pytest.approx(4950 / (20 + 15 * 110))
    assert found.factor(Job("train_base", gpu=True), work) is None


# --- What depends on the seed -----------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return shapes.write(tmp_path_factory.mktemp("shapes"), train=24, val=4)


@pytest.mark.slow
def test_a_seed_changes_the_order_of_training(data, tmp_path):
    from pinch.weights import checkpoints
    from pinch.weights.training.fit import train
    from pinch.weights.training.request import Request

    base = detectors.write(tmp_path / "base.pt", width=0.125, names=shapes.NAMES)
    requests = [
        Request(f"seed{seed}", data, tmp_path / "models", base, epochs=1, batch=8, imgsz=32, seed=seed)
        for seed in (1, 2)
    ]
    before = data.read_bytes(), sorted(data.parent.glob("[il]*/*/*.[pt]*"))
    for request in requests:
        train(request)
    first, other = (checkpoints.load(request.checkpoint).model.model[0].conv.weight for request in requests)
    assert not first.equal(other)
    assert (data.read_bytes(), sorted(data.parent.glob("[il]*/*/*.[pt]*"))) == before, "the data stay what they are"


@pytest.mark.slow
def test_a_seed_decides_fresh_weights_and_which_channels_stay(data, tmp_path, monkeypatch):
    import torch

    from pinch.data import dataset
    from pinch.weights import checkpoints
    from pinch.weights.pruning import coarse, images, kinds
    from pinch.weights.training import start

    fresh = [start.open_file("yolo11n.yaml", 3, seed).model.model[0].conv.weight for seed in (1, 1, 2)]
    assert fresh[0].equal(fresh[1])
    assert not fresh[0].equal(fresh[2])
    found = dataset.load(data)
    drawn = [next(images.batches(found, 64, 8, seed=seed))["im_file"] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    base = detectors.write(tmp_path / "base.pt", width=0.125, names=shapes.NAMES)
    monkeypatch.setattr(coarse, "GRADIENT_IMAGES", 4)
    weights = []
    for number, seed in enumerate((1, 1, 2)):
        ranked = kinds.coarse_pruning(0.5, seed=seed, ranking="taylor", spread="uniform", round_to=4)
        coarse.prune_file(base, tmp_path / f"{number}.pt", ranked, found)
        layers = checkpoints.load(tmp_path / f"{number}.pt").model.modules()
        weights.append([layer.weight for layer in layers if isinstance(layer, torch.nn.Conv2d)])
    # Pruning takes filters away and leaves the others as they were.
    assert all(map(torch.equal, weights[0], weights[1]))
    assert not all(map(torch.equal, weights[0], weights[2]))


# --- Tables, pictures, pages ------------------------------------------------------------------------------------------
def made(folder, **options):
    made_up_run.make(folder, coarse=(30, 50), fine=(50,), **options)
    gathering.write_all(folder, gathering.gather(folder).tables)
    output_types.write_choices(folder)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return made(tmp_path_factory.mktemp("run") / "demo", twin=1.02, other_seeds=(2, 3))


@pytest.fixture(scope="module")
def same_base(tmp_path_factory):
    """A run whose base was given, so that it is the same for all seeds."""
    return made(tmp_path_factory.mktemp("run") / "demo", twin=0.99, other_seeds=(2,), same_base=True)


def test_means_and_their_intervals_are_students():
    middle, low, high = interval.of_mean([0.9, 0.95, 1.0])
    # 4.3027 for two degrees of freedom, times the standard error.
    assert (middle, high - middle) == pytest.approx((0.95, 4.3027 * 0.05 / sqrt(3)), abs=1e-4)
    assert middle - low == pytest.approx(high - middle)
    assert interval.of_mean([0.9]) == (0.9, None, None)


def test_tables_have_each_model_of_each_seed_and_means(run):
    models, rows = gathering.read(run, "models"), gathering.read(run, "seeds")
    assert list(models["model"]) == list(rows["model"][:5]), "other seeds are in tables of their own"
    assert len(rows) == 3 * len(models)
    assert list(rows["seed"].unique()) == [0, 2, 3]
    pruned = rows[rows["own_model"] == "demo_coarse_prune_50_tuned"].set_index("model")
    whole = rows.set_index("model")["map50_95"]
    assert list(pruned["unpruned"]) == ["demo_tuned", "demo_seed2_tuned", "demo_seed3_tuned"]
    assert list(pruned["kept"]) == pytest.approx(
        [pruned["map50_95"][name] / whole[of] for name, of in pruned["unpruned"].items()]
    )
    assert rows[rows["method"] == "none"]["kept"].isna().all()
    mean = gathering.read(run, "models_over_seeds").set_index("model").loc["demo_coarse_prune_50_tuned"]
    assert (mean["seeds"], mean["kept"]) == pytest.approx((3, pruned["kept"].mean()))
    half = 4.3027 * pruned["kept"].std() / sqrt(3)
    assert (mean["kept_low"], mean["kept_high"]) == pytest.approx((mean["kept"] - half, mean["kept"] + half), abs=1e-5)
    assert (mean["map50_low"], mean["map50_high"]) == pytest.approx((0.8753, 0.9231), abs=1e-4)
    assert (mean["kept_least"], mean["kept_most"]) == (pruned["kept"].min(), pruned["kept"].max())
    assert {0, 2, 3} == set(gathering.read(run, "provenance")["seed"])


def test_a_base_of_all_seeds_is_what_each_is_compared_with(same_base):
    rows = gathering.read(same_base, "seeds").set_index("model")
    assert "demo_seed2" not in rows.index
    assert rows.loc["demo_seed2_fine_prune_50_tuned", "unpruned"] == "demo"
    assert rows.loc["demo_seed2_fine_prune_50_tuned", "kept"] == pytest.approx(0.99 - 0.01 * 2)
    means = gathering.read(same_base, "models_over_seeds").set_index("model")
    assert (means["seeds"]["demo"], means["seeds"]["demo_tuned"]) == (1, 2)


def test_intervals_of_two_seeds_end_where_accuracies_end():
    about = Model("demo", "fine", 0.5, True).fields() | {"label": "fine 50%", "own_model": "demo_fine_prune_50_tuned"}
    rows = [
        about | dict.fromkeys(tables.FIGURES) | {"map50_95": accuracy, "kept": kept}
        for accuracy, kept in ((0.6, 0.9), (0.9, 1.1))
    ]
    (mean,) = tables.means(rows)
    assert [mean["map50_95_low"], mean["map50_95"], mean["map50_95_high"]] == pytest.approx([0, 0.75, 1])
    assert [mean["kept_low"], mean["kept_high"]] == pytest.approx([0, 1 + 12.706 * 0.1], abs=1e-4)
    assert "val_map50_95" not in mean


def test_a_run_with_one_seed_has_no_intervals_over_seeds(tmp_path):
    folder = made(tmp_path / "demo")
    mean = gathering.read(folder, "models_over_seeds")
    assert set(mean["seeds"]) == {1}
    assert mean["kept_low"].isna().all()
    captions.render(folder)
    assert "another seed would move this is not known" in (folder / contents.FRONT).read_text()
    with style.applied():
        assert not any("seeds" in axis.get_legend_handles_labels()[1] for axis in sensitivity.coarse(folder).axes)


def test_curves_have_a_band_from_the_lowest_to_the_highest_seed(run, same_base):
    rows = gathering.read(run, "seeds")
    with style.applied():
        first, _ = sensitivity.coarse(run).axes
        (single, _) = sensitivity.fine(same_base).axes
    found = rows[rows["own_model"] == "demo_coarse_prune_50_tuned"]["map50_95"]
    handles = dict(zip(*first.get_legend_handles_labels()[::-1], strict=True))
    corners = handles["lowest to highest of 3 seeds"].get_paths()[0].vertices
    assert sorted({y for x, y in corners if x == 50}) == pytest.approx([found.min(), found.max()])
    handles = dict(zip(*single.get_legend_handles_labels()[::-1], strict=True))
    corners = handles["lowest to highest of 2 seeds"].get_paths()[0].vertices
    assert {x for x, _ in corners} == {48, 52}, "one ratio has a band that can be seen"


def test_the_report_says_how_far_the_seeds_differ(run, same_base):
    repeated = {
        run: "3 seeds, with training, pruning and tuning",
        same_base: "2 seeds, with pruning and tuning of the same base",
    }
    keeps = {run: "95.3% to 96.6% of", same_base: "96.9%"}
    for folder, what in repeated.items():
        made_up_run.add_pictures(folder)
        captions.render(folder, (contents.OVER_SEEDS,))
        pages.render(folder, (contents.OVER_SEEDS,))
        front = " ".join((folder / contents.FRONT).read_text().split())
        assert f"Over {what} repeated for each, the checkpoint of coarse 30% keeps {keeps[folder]}" in front
        assert "trained once" not in front
    page = (run / "pages/sensitivity.html").read_text()
    assert "Means over 3 seeds" in page
    assert "from the lowest to the highest of 3 seeds" in " ".join(page.split())
    assert "(95.3% to 96.6% over 3 seeds)" in (run / "captions/coarse_prune_evaluation.rst").read_text()
    table = (run / contents.OVER_SEEDS).read_text()
    assert "kept of the unpruned model on test (%)" in table
    assert "All start from the same base" in (same_base / "captions/models_over_seeds.rst").read_text()


@pytest.mark.fault
def test_what_is_missing_of_a_seed_is_named_and_the_rest_is_shown(tmp_path):
    folder = made(tmp_path / "demo", other_seeds=(2, 3))
    lost = folder / "records/accuracy/demo_seed2_coarse_prune_30_tuned.json"
    lost.unlink()
    with pytest.raises(PinchError, match=re.escape(f"records/accuracy/{lost.name} (no record)")):
        gathering.gather(folder)
    made_up_run.edit(folder / "records/accuracy/demo_seed3_fine_prune_50_tuned.json", AccuracyRecord, splits={})
    found = gathering.gather(folder, partial=True)
    assert [(row["table"], row["row"]) for row in found.missing] == [("seeds", "demo_seed2_coarse_prune_30_tuned")]
    shown = found.tables["models_over_seeds"].set_index("model")
    assert shown.loc["demo_coarse_prune_30_tuned", "seeds"] == 2
    assert shown.loc["demo_fine_prune_50_tuned", ["kept", "kept_most"]].isna().all(), "not known with every seed"
