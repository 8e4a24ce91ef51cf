"""Configurations: what is in the schema, in the shipped files and in config/README.md; wrong ones get one sentence."""

import re

import pytest
import yaml
from conftest import ROOT

from pinch.core import schema
from pinch.core.errors import PinchError

SCHEMA = schema.load(str(ROOT / "workflow/schemas/config.schema.yaml"))


def validated(**values):
    values = {"name": "some", **values}
    schema.validate(values, SCHEMA)
    return values


def keys(definition, prefix=""):
    for key, entry in definition.get("properties", {}).items():
        yield f"{prefix}{key}", entry
        yield from keys(entry, f"{prefix}{key}.")


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_configurations_are_valid(path):
    schema.validate(yaml.safe_load(path.read_text()), SCHEMA)


def test_every_key_has_description_and_default():
    for name, entry in keys(SCHEMA):
        assert entry.get("description"), name
        assert "default" in entry or name == "name", name


def test_every_key_is_explained_in_the_readme():
    text = (ROOT / "config/README.md").read_text()
    explained = set(re.findall(r"`([a-z_.0-9]+)`", text))
    assert {name for name, _ in keys(SCHEMA)} <= explained


def test_defaults_are_filled_in_and_not_shared():
    first, second = validated(), validated()
    assert first["coarse"]["round_to"] == 16
    assert first["coarse"]["epochs"] == 10
    assert first["fine"]["epochs"] == 15
    first["train"]["options"]["lr0"] = 1
    assert second["train"]["options"] == {}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"coarse": {"ratios": [1.2]}}, "coarse.ratios.0: 1.2 must be less than 1"),
        ({"fine": {"ratios": [0]}}, "fine.ratios.0: 0 must be greater than 0"),
        ({"hagrid": {"targets": []}}, "hagrid.targets: must hold at least 1"),
        ({"hagrid": {"targets": ["one", "fist", "one"]}}, "hagrid.targets: 'one' is listed twice"),
        ({"epochs": 3}, "unknown key 'epochs'; the keys here are"),
        ({"train": {"epoch": 3}}, "train: unknown key 'epoch'"),
        ({"train": {"epochs": "many"}}, "train.epochs: 'many' is not of type integer"),
        ({"train": {"imgsz": 150}}, "train.imgsz: 150 is not a multiple of 32"),
        ({"device": "tpu"}, "device: 'tpu' is none of"),
        ({"export": {"models": ["bass"]}}, "export.models"),
        ({"synthetic": {"users": 2}}, "synthetic.users: 2 is less than 5"),
        ({"export": {"candidates": 6}}, "export.candidates: 6 is less than 10"),
        ({"train": {"epochs": 10.0}}, "train.epochs: 10.0 is not of type integer"),
        ({"sensitivity": {"ratios": []}}, "sensitivity.ratios: must hold at least 1"),
    ],
)
def test_wrong_values_get_one_sentence(values, sentence):
    with pytest.raises(PinchError) as caught:
        validated(**values)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_name_is_named():
    with pytest.raises(PinchError, match="the key 'name' is missing"):
        schema.validate({}, SCHEMA)
