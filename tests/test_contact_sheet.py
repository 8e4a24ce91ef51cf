from collections import Counter

import numpy as np
import pytest
import shapes
from PIL import Image

from pinch.core.errors import PinchError
from pinch.data import contact_sheet
from pinch.data import dataset as datasets


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return datasets.load(shapes.write(tmp_path_factory.mktemp("shapes"), train=30, val=30, imgsz=64))


def test_samples_are_balanced_and_seeded(dataset):
    samples = contact_sheet.choose(dataset, 18)
    assert set(Counter((sample.number, sample.split) for sample in samples).values()) == {2}
    assert len({sample.image for sample in samples}) == 18
    for sample in samples:
        assert sample.number in sample.boxes[:, 0]
    again, other = contact_sheet.choose(dataset, 18), contact_sheet.choose(dataset, 18, seed=1)
    assert [sample.image for sample in samples] == [sample.image for sample in again]
    assert [sample.image for sample in samples] != [sample.image for sample in other]


def test_every_class_and_split_is_shown_even_with_few_images(dataset):
    samples = contact_sheet.choose(dataset, 1)
    assert [sample.number for sample in samples] == [0, 1, 2]
    assert {sample.split for sample in samples} == {"train", "val", "test"}


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_sheet(dataset, tmp_path, ending):
    output = tmp_path / f"sheet.{ending}"
    contact_sheet.draw(
        dataset, output, count=10, columns=4, title="A title that is far too long for so narrow a sheet" * 3
    )
    with Image.open(output) as sheet:
        assert sheet.width == 4 * (contact_sheet.CELL + contact_sheet.GAP) + contact_sheet.GAP
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    for colour in contact_sheet.palette(3):
        assert (np.abs(pixels - colour).max(-1) < 40).sum() > 500  # a JPEG blurs colours
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


@pytest.mark.parametrize("count", [1, 10, 80])
def test_palette_has_distinct_colours(count):
    assert len(set(contact_sheet.palette(count))) == count


def test_a_set_without_boxes_and_an_impossible_name(tmp_path):
    data = shapes.write(tmp_path, train=2, val=2, imgsz=32)
    for path in (tmp_path / "labels").rglob("*.txt"):
        path.write_text("")
    with pytest.raises(PinchError, match="has no image with a box"):
        contact_sheet.draw(datasets.load(data), tmp_path / "sheet.png")
    with pytest.raises(PinchError, match=r"ends in \.png or \.jpg"):
        contact_sheet.draw(datasets.load(data), tmp_path / "sheet.txt")


def test_boxes_at_the_edge_and_of_unknown_classes_are_drawn_or_passed_over(tmp_path):
    data = shapes.write(tmp_path, train=3, val=3, imgsz=32)
    for path in (tmp_path / "labels").rglob("*.txt"):
        path.write_text("0 0 0 0.1 0.1\n1 1 1 0.001 0.001\n2 0.5 0.02 0.9 0.04\n7 0.5 0.5 0.1 0.1")
    contact_sheet.draw(datasets.load(data), tmp_path / "sheet.png", count=6)
    assert (tmp_path / "sheet.png").stat().st_size > 1000
