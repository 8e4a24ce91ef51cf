"""Wants: declared once, read from configurations and arguments, and refused before anything runs."""

import argparse
import dataclasses

import pytest
import yaml
from conftest import ROOT

from pinch.core import schema
from pinch.core.errors import PinchError
from pinch.core.options import options_of
from pinch.run import reference, wants
from pinch.run.formats import FORMATS
from pinch.run.identity import Artifact, Model, Timing
from pinch.run.settings.choosing import LIMITS, USUAL, Want

TIMINGS = [
    Timing(device, threads, Artifact(Model("demo"), FORMATS[kind], "full"))
    for device, threads, kind in (("cpu", 1, "onnx"), ("cpu", 2, "onnx"), ("cpu", 1, "tflite"), ("gpu", 1, "onnx"))
]


def parsed(*said):
    parser = argparse.ArgumentParser()
    wants.add_argument(parser)
    return wants.from_arguments(parser.parse_args([*said]))


def configured(**values):
    values = {"name": "some", **values}
    schema.validate(values, schema.load(str(ROOT / "workflow/schemas/config.schema.yaml")))
    return wants.read(values["select"])


def test_a_configuration_without_wants_has_the_usual_ones():
    assert configured() == parsed() == USUAL
    kept = {want.name: want.kept for want in USUAL}
    assert kept == {"fast": 0.95, "accurate": None, "small": 0.95, "balanced": None, "phone CPU (by proxy)": 0.95}


def test_wants_reach_a_command_as_they_are():
    given = (
        *USUAL,
        Want(name="'{x}' \"quoted\"", device="cpu", threads=2, processor="Ryzen", formats=("onnx",), p50_ms=20.0),
        Want(name="all", **dict.fromkeys(LIMITS, 1)),
    )
    assert parsed(*wants.arguments(given)) == given
    assert wants.read(yaml.safe_load(yaml.safe_dump([reference.said(want) for want in given]))) == given


def test_every_limit_is_an_option_with_a_line_in_the_readme():
    names = [declared.name for declared in options_of(Want)]
    assert set(LIMITS) < set(names)
    readme = (ROOT / "config/README.md").read_text()
    assert all(f"| `select[].{name}` |" in readme for name in names)
    assert [field.name for field in dataclasses.fields(Want)] == names


def test_limits_are_said_with_their_units():
    want = Want(name="all", p50_ms=20, bytes_zipped=3_000_000, fps=30, kept=0.97, class_loss=0.05)
    assert [limit.said(value) for limit, value in want.limits.values()] == [
        "at most 20 ms per frame",
        "at least 30 frames per second",
        "at most 3 MB of download",
        "at least 97% of the unpruned model's mAP50-95 on val",
        "no class that loses more than 5% on val",
    ]
    limit, value = want.limits["class_loss"]
    assert (limit.bound(value), limit.shown(0.93)) == (0.95, "7%")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("select", "sentence"),
    [
        (
            {"keep": 0.97},
            "select: {'keep': 0.97} is not of type array: write a list of wants, such as "
            "[{name: fast, prefer: fastest, kept: 0.95}]; kept is what keep was",
        ),
        ([{"prefer": "fastest"}], "select.0: the key 'name' is missing"),
        ([{"name": "a", "keep": 0.9}], "select.0: unknown key 'keep'; the keys here are"),
        ([{"name": "a", "kept": 1.2}], "select.0.kept: 1.2 is greater than 1"),
        ([{"name": "a", "p50_ms": 0}], "select.0.p50_ms: 0 must be greater than 0"),
        ([{"name": "a", "prefer": "cheapest"}], "select.0.prefer: 'cheapest' is none of"),
        ([{"name": "a", "formats": ["coreml"]}], "select.0.formats.0: 'coreml' is none of"),
        ([{"name": "a"}, {"name": "a"}], "select: two wants are called 'a': give each a name of its own"),
        ([], "select: must hold at least 1"),
    ],
)
def test_wrong_wants_get_one_sentence(select, sentence):
    with pytest.raises(PinchError) as caught:
        configured(select=select)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("want", "sentence"),
    [
        (
            Want(name="a", threads=8),
            "select: a: threads: nothing is timed with 8 (only with 1, 2): change it, or add it",
        ),
        (Want(name="a", device="gpu", threads=2), "select: a: threads: nothing is timed with 2 (only with 1)"),
        (Want(name="a", device="gpu", formats=("tflite",)), "no file of the formats tflite is timed there (only onnx)"),
        (Want(name="a", formats=("openvino",)), "no file of the formats openvino is timed there (only onnx, tflite)"),
    ],
)
def test_a_want_of_what_is_not_timed_is_refused(want, sentence):
    with pytest.raises(PinchError) as caught:
        wants.require_timed([*USUAL, want], TIMINGS)
    assert sentence in str(caught.value)
    wants.require_timed(USUAL, TIMINGS[-1:])
    with pytest.raises(PinchError, match="device: nothing is timed with gpu"):
        wants.require_timed([Want(name="a", device="gpu")], TIMINGS[:2])


@pytest.mark.fault
@pytest.mark.parametrize("said", ["{name: a", "fast", "[name]"])
def test_an_argument_that_is_no_want_gets_one_sentence(said):
    with pytest.raises(PinchError, match=r"write it like '\{name: fast, prefer: fastest\}'"):
        parsed("--want", said)


@pytest.mark.fault
def test_the_workflow_refuses_them_before_any_job(snakemake, tmp_path):
    config = {"name": "some", "base_model": "yolo11n.yaml", "synthetic": {}}
    for select, sentence in (
        ({"keep": 0.97}, "The configuration is wrong: select: {'keep': 0.97} is not of type array: write a list"),
        ([{"name": "a", "device": "gpu"}], "The configuration is wrong: select: a: device: nothing is timed with gpu"),
    ):
        result = snakemake(tmp_path, "-n", config=config | {"select": select})
        assert result.returncode != 0
        assert sentence in result.stdout + result.stderr
    result = snakemake(tmp_path, "-n", "-p", config=config | {"select": [{"name": "it's {mine}", "kept": 0.9}]})
    assert result.returncode == 0, result.stdout + result.stderr
    assert 'select_models.py results/some --want \'{"name": "it\'"\'"\'s {mine}", "kept": 0.9}\'' in result.stdout
