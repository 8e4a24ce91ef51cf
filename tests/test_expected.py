"""What a configuration expects of a run, and where its inputs come from."""

import re
from pathlib import Path

import pytest
from test_requests import configuration

from pinch.core.errors import PinchError
from pinch.measuring.imported import entries
from pinch.operations.expected import Expected
from pinch.operations.sources import Sources

PRUNED = {"coarse": {"ratios": [0.5]}, "fine": {"ratios": [0.7, 0.3]}}


def expected(**values):
    return Expected(configuration(**values))


def test_models_are_listed_once_and_in_the_order_of_tables():
    found = expected(name="some", **PRUNED, rivals={"imgsz": [320], "width": [0.5]})
    names = ["some", "some_tuned", "some_coarse_prune_50_tuned", "some_fine_prune_30_tuned", "some_fine_prune_70_tuned"]
    names += ["some_size_320_tuned", "some_width_50_tuned"]
    assert [str(model) for model in found.models] == names
    assert found.own_sizes == {"some_size_320": 320, "some_size_320_tuned": 320}
    assert found.others == []
    assert expected(name="some", trained_model="mine.pt", **PRUNED).trained == []


def test_records_are_of_what_is_made_and_each_is_there_once():
    found = expected(
        name="some",
        **PRUNED,
        seeds=[0, 4],
        export={"models": ["coarse 0.5"], "artifacts": ["full.onnx", "int8.tflite"], "imgsz": [320]},
        measure={"devices": ["cpu", "gpu"], "threads": [1, 2]},
        sensitivity={"scan": True},
    )
    assert len(found.records) == len(set(found.records))
    stem = "some_coarse_prune_50_tuned"
    assert list(found.artifacts) == [
        f"{stem}_full.onnx",
        f"{stem}_int8.tflite",
        f"{stem}_320_full.onnx",
        f"{stem}_320_int8.tflite",
    ]
    timed = [record for record in found.records if record.startswith("records/inference/")]
    assert f"records/inference/cpu_2/{stem}_320_int8.tflite.json" in timed
    # TFLite files run on processors only.
    assert [record for record in timed if "/gpu_1/" in record] == [
        f"records/inference/gpu_1/{stem}_full.onnx.json",
        f"records/inference/gpu_1/{stem}_320_full.onnx.json",
    ]
    assert found.studies == ["layers"]
    assert "records/sensitivity/layers.json" in found.records
    assert set(found.seed_records) <= set(found.records)
    assert "records/pruning/some_seed4_coarse_prune_50.json" in found.seed_records
    assert found.baseline == [], "the base is not exported"
    assert expected(name="some").baseline == ["some_full.onnx"]


def test_a_spread_that_reads_the_layer_scan_asks_for_it():
    assert expected(coarse={"ratios": [0.5], "spread": "sensitivity"}).studies == ["layers"]
    assert expected(coarse={"ratios": [0.5]}).studies == []


@pytest.mark.parametrize(
    ("values", "stock", "base", "folder"),
    [
        ({"synthetic": {"images": [2, 1, 1]}}, True, "resources/weights/yolo11n.pt", "hands/images"),
        ({"hagrid": {"fetch": {}}, "base_model": "my/own.pt"}, False, "my/own.pt", "data/hagrid/images"),
        (
            {"hagrid": {"images": "i", "annotations": "a"}, "base_model": "yolo11n.yaml"},
            False,
            "yolo11n.yaml",
            "i",
        ),
    ],
)
def test_inputs_come_from_where_the_configuration_says(values, stock, base, folder):
    sources = Sources(configuration(**values), "hands")
    assert (sources.is_stock, sources.base_model, sources.hagrid("images")) == (stock, base, folder)


def test_paths_of_the_users_are_known_by_their_keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").touch()
    imported = entries.listed([{"files": ["a.json", "b.json"]}])
    config = configuration(
        dataset="mine/data.yaml",
        video="clip.mp4",
        coarse={"ratios": [0.5], "teacher": "big.pt"},
        fine={"teacher": "no.pt"},
    )
    found = Sources(config, "hands", imported.values())
    assert found.paths == {
        "video": "clip.mp4",
        "dataset": "mine/data.yaml",
        "coarse.teacher": "big.pt",
        "measure.imported[0].files[0]": "a.json",
        "measure.imported[0].files[1]": "b.json",
    }
    assert [sentence.partition(":")[0] for sentence in found.missing()] == list(found.paths)[1:]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "it names no data: set dataset, hagrid.images and annotations"),
        ({"hagrid": {"images": "i"}}, "it names no data"),
        ({"synthetic": {"images": [2, 1, 1]}, "video": "a{b}.mp4"}, "video: a{b}.mp4 has braces"),
        (
            {"hagrid": {"fetch": {}, "images": "i"}},
            "hagrid.images: i is not where hagrid.fetch puts",
        ),
    ],
)
def test_inputs_that_cannot_be_are_refused(values, sentence):
    with pytest.raises(PinchError, match=re.escape(sentence)):
        Sources(configuration(**values), "hands")
