"""What may be wrong with HaGRID's images and annotations."""

import pytest
import tiny_hagrid
from hagrid_conversion import convert, labels, times
from tiny_hagrid import GESTURES

from pinch.core.errors import PinchError
from pinch.data import dataset as datasets


def test_annotated_images_that_are_not_there(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    for number in range(2):
        (root / f"images/like/train-like-{number}.jpg").unlink()
    found = convert(root, tmp_path / "out")
    assert found.images["train"] == 14
    assert found.warnings == ["2 annotated images are missing and were left out: train/like 2"]


@pytest.mark.fault
def test_too_many_missing_images_stop_before_anything_is_written_or_removed(tmp_path):
    root, out = tiny_hagrid.write(tmp_path / "hagrid"), tmp_path / "out"
    convert(root, out)
    before = times(out), (out / "data.yaml").read_bytes()
    (root / "images").rename(root / "unmounted")
    (root / "images").mkdir()
    with pytest.raises(PinchError, match=r"48 of 48 annotated images are missing \(.*which has no folders of these"):
        convert(root, out)
    (root / "images").rmdir()
    (root / "unmounted").rename(root / "images")
    for path in (root / "images/like").iterdir():
        path.unlink()
    with pytest.raises(PinchError, match=r"12 of 48 .* \(train/like 4, .*: mend the path, .* with `max_missing`"):
        convert(root, out)
    assert (times(out), (out / "data.yaml").read_bytes()) == before
    assert convert(root, out, max_missing=0.25).images["train"] == 12


def test_images_beyond_the_limit_may_be_missing(tmp_path):
    """As where a few images of each gesture were fetched, and the annotations of all."""
    root = tiny_hagrid.write(tmp_path / "hagrid", images=12)
    for path in (root / "images").rglob("*.jpg"):
        if int(path.stem.rpartition("-")[2]) >= 3:
            path.unlink()
    assert convert(root, tmp_path / "out", limit=3).images["train"] == 12
    with pytest.raises(PinchError, match="12 of 48 annotated images are missing"):
        convert(root, tmp_path / "out", limit=4)


def test_class_and_split_without_images_only_warn(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    tiny_hagrid.write_annotations(root, "val", "like", {})
    for path in (root / "images").rglob("test-*.jpg"):
        path.unlink()
    found = convert(root, tmp_path / "out", max_missing=1)
    assert [gap.split(" (")[0] for gap in found.gaps.values()] == [
        "the val split has no images of like",
        f"the test split has no images of {', '.join(GESTURES)}",
    ]
    assert datasets.load(tmp_path / "out/data.yaml").images("test") == []


def test_users_in_two_splits(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    entries = tiny_hagrid.annotations(root, "test", "like")
    entries["test-like-0"]["user_id"] = "train-user-1"
    tiny_hagrid.write_annotations(root, "test", "like", entries)
    found = convert(root, tmp_path / "out")
    assert found.warnings == ["1 persons are in train and in test: accuracy on test will look better than it is"]


def test_truncated_image(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid")
    image = root / "images/fist/val-fist-2.jpg"
    image.write_bytes(image.read_bytes()[:-80])
    with pytest.raises(PinchError, match=r"images/fist/val-fist-2\.jpg cannot be decoded .* restore it"):
        convert(root, tmp_path / "out")
    assert not (tmp_path / "out/data.yaml").exists()
    found = convert(root, tmp_path / "out", skip_broken=True)
    assert found.images["val"] == 15
    assert "val-fist-2.jpg cannot be decoded" in found.warnings[0]
    val = datasets.load(tmp_path / "out/data.yaml").images("val")
    assert (tmp_path / "out/images/fist/val-fist-2.jpg") not in val


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"train/fist\.json is not valid JSON"),
        ("[]", r"train/fist\.json is not a HaGRID annotation file"),
        ('{"a": [1]}', r"1 of \d+ annotations in .* cannot be used: 1 \(train/fist\.json: a\) are no objects"),
        ('{"a": {"labels": []}}', "have no list of bboxes or labels"),
        ('{"a": {"bboxes": null, "labels": null}}', "have no list of bboxes or labels"),
        ('{"a": {"bboxes": [[0, 0, 1, 1]], "labels": []}}', "have other numbers of bboxes and labels"),
        ('{"a": {"bboxes": [[0, 0, 1]], "labels": ["fist"]}}', "have bboxes that are not"),
        ('{"a": {"bboxes": [null], "labels": ["fist"]}}', "have bboxes that are not"),
        ('{"a": {"bboxes": [[0, 0, 1, NaN]], "labels": ["fist"]}}', "have bboxes that are not finite"),
        ('{"a": {"bboxes": [[0, 0, 1, 1]], "labels": [null]}}', "have labels that are not text"),
        ('{"a": {"bboxes": [], "labels": [], "user_id": 7}}', "have a user_id that is not text"),
    ],
)
def test_annotation_files_that_are_not_hagrids(tmp_path, text, message):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    (root / "annotations/train/fist.json").write_text(text)
    with pytest.raises(PinchError, match=message):
        convert(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.fault
def test_a_few_wrong_entries_are_counted_by_kind_and_left_out(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=30)
    entries = tiny_hagrid.annotations(root, "val", "like")
    entries["val-like-0"]["bboxes"] = None
    entries["val-like-1"]["bboxes"][0][0] = None
    entries["val-like-2"]["labels"][0] = "wave"
    entries["val-like-3"] |= {"bboxes": [], "labels": []}
    tiny_hagrid.write_annotations(root, "val", "like", entries)
    found = convert(root, tmp_path / "out")
    assert found.images["val"] == 118
    assert found.warnings == [
        "entries were left out because they have no list of bboxes or labels: 1 (val/like.json: val-like-0)",
        "entries were left out because they have bboxes that are not [x, y, width, height]: "
        "1 (val/like.json: val-like-1)",
        "1 boxes of labels that HaGRID does not know were left out: wave 1",
    ]
    # An image without hands is one to learn from.
    assert labels(tmp_path / "out", "val", "like", 3) == []
    with pytest.raises(PinchError, match=r"2 of 360 annotations in .* cannot be used"):
        convert(root, tmp_path / "strict", strict=True)


def test_missing_class_file(tmp_path):
    root = tiny_hagrid.write(tmp_path / "hagrid", images=1)
    (root / "annotations/val/like.json").unlink()
    with pytest.raises(
        PinchError, match=r"there is no annotation file .*/annotations/val/like\.json: .* like, no_gesture"
    ):
        convert(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()
