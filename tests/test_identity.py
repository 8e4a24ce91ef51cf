"""Models, artifacts and timings as values: their names, their order, and what can be read from names of others."""

from pathlib import Path

import pytest

from pinch.run import identity
from pinch.run.formats import FORMATS
from pinch.run.identity import Artifact, Model, Timing, parse_artifact, parse_model

MODELS = [
    Model("demo"),
    Model("hands_640"),
    Model("my_coarse_prune_x"),
    Model("demo", tuned=True),
    Model("demo", "coarse", 0.5),
    Model("demo", "coarse", 0.5, True),
    Model("demo", "fine", 0.125, True),
]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_values_survive_a_manifest_and_a_name_made_here_can_be_read(model):
    assert identity.model_from_json(identity.to_json(model)) == model
    assert parse_model(str(model)) == model
    for entry in FORMATS.values():
        for precision in entry.precisions:
            timing = Timing("cpu", 2, Artifact(model, entry, precision, 320))
            assert identity.timing_from_json(identity.to_json(timing)) == timing
            assert parse_artifact(timing.artifact.file).precision == precision
            if model.method != "none" or model.tuned:
                assert parse_artifact(timing.artifact.file) == timing.artifact
            plain = Artifact(model, entry, precision)
            assert parse_artifact(plain.file) == plain


@pytest.mark.parametrize(
    ("artifact", "file", "label"),
    [
        (Artifact(Model("demo"), FORMATS["onnx"], "full"), "demo_full.onnx", "demo"),
        (Artifact(Model("demo"), FORMATS["onnx"], "full", 320), "demo_320_full.onnx", "demo @320"),
        (Artifact(Model("demo", tuned=True), FORMATS["onnx"], "full"), "demo_tuned_full.onnx", "demo tuned"),
        (
            Artifact(Model("demo", "fine", 0.125, True), FORMATS["tflite"], "int8", 320),
            "demo_fine_prune_12.5_tuned_320_int8.tflite",
            "fine 12.5% @320",
        ),
    ],
)
def test_names_of_files_and_labels_for_readers(artifact, file, label):
    assert artifact.file == file
    assert artifact.label == label


def test_models_and_artifacts_have_an_order():
    models = [
        *(Model(name, tuned=tuned) for name in ("demo", "other") for tuned in (False, True)),
        *(Model("demo", "coarse", r, True) for r in (0.3, 0.5)),
        Model("demo", "fine", 0.3, True),
    ]
    assert sorted([*models[2:], *models[:2]], key=lambda model: model.order) == models
    artifacts = [
        Artifact(Model("demo"), FORMATS["onnx"], "full"),
        Artifact(Model("demo"), FORMATS["onnx"], "int8"),
        Artifact(Model("demo"), FORMATS["tflite"], "full"),
        Artifact(Model("demo"), FORMATS["onnx"], "full", 320),
        Artifact(Model("demo", "coarse", 0.3, True), FORMATS["onnx"], "full"),
    ]
    assert sorted([*artifacts[3:], *artifacts[:3]], key=lambda artifact: artifact.order) == artifacts


def test_a_checkpoint_says_what_it_is_and_its_file_how_it_is_called():
    meta = {"method": "coarse", "ratio": 0.5, "tuned": True}
    path = Path("models/my_coarse_prune_x_coarse_prune_50_tuned.pt")
    assert Model.of_checkpoint(path, meta) == Model("my_coarse_prune_x", "coarse", 0.5, True)
    assert Model.of_checkpoint(Path("best.pt"), {"method": "none", "ratio": 0.0, "tuned": False}) == Model("best")
    twin = {"method": "none", "ratio": 0.0, "tuned": True}
    assert Model.of_checkpoint(Path("demo_tuned.pt"), twin) == Model("demo", tuned=True)
    assert Model.of_checkpoint(Path("mine.pt"), twin) == Model("mine"), "taken over as the base of another run"


def test_what_files_say_of_themselves_goes_before_their_names():
    said = {"model": identity.to_json(Model("my_coarse_prune_3")), "precision": "int8"}
    for metadata in (said, {key: str(value) for key, value in said.items()}):
        found = identity.described(Path("my_coarse_prune_3_int8.onnx"), metadata)
        assert found == Model("my_coarse_prune_3").fields() | {"precision": "int8"}


@pytest.mark.parametrize("metadata", [{}, {"model": "yolo11n"}, {"model": "{"}, {"model": {"name": "x"}}])
def test_files_of_others_are_what_their_names_say(metadata):
    found = identity.described(Path("best_coarse_prune_50_int8.onnx"), metadata)
    assert found == Model("best", "coarse", 0.5).fields() | {"precision": "int8"}
    assert identity.described(Path("best.onnx"), metadata) == Model("best").fields() | {"precision": None}
    assert parse_artifact("best.pt") is None


@pytest.mark.parametrize(
    ("stem", "parts"),
    [
        ("toy", ("none", 0, False)),
        ("toy_coarse_prune_50", ("coarse", 0.5, False)),
        ("toy_coarse_prune_50_320", ("coarse", 0.5, False)),
        ("toy_fine_prune_30_tuned_320", ("fine", 0.3, True)),
    ],
)
def test_method_and_ratio_are_read_from_the_name_of_an_artifact_of_any_size(stem, parts):
    model = parse_artifact(f"{stem}_int8.onnx").model
    assert (model.method, model.ratio, model.tuned) == parts
