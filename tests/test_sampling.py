"""Drawing a part of a split that stands for all of it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pinch.data import sampling
from pinch.data.dataset import Dataset
from pinch.data.manifest import Entry, Manifest, read


def made_up(images=1000):
    """A data set with a common, a rare class and backgrounds; one person in ten has half of the images."""
    rng = np.random.default_rng(0)
    dataset = Dataset(Path("/d/data.yaml"), Path("/d"), ["common", "rare", "idle"], {"test": [Path("/d/images")]})
    names = [Path(f"/d/images/{number:05}.jpg") for number in range(images)]
    entries = {}
    for number, name in enumerate(names):
        classes = [[], [0, 2], [0, 2], [0], [0, 2], [0], [0], [0, 2], [0], [1, 2]][number % 10]
        person = int(rng.integers(10)) if rng.random() < 0.5 else int(rng.integers(10, 100))
        boxes = np.array([[each, 0.5, 0.5, 0.1, 0.1] for each in classes], np.float32).reshape(-1, 5)
        entries[f"images/{name.name}"] = Entry((1, 1, 1, 1), (32, 32), bytes(32), boxes, f"person {person}")
    dataset.keep_only("test", names)
    return dataset, Manifest(entries)


def drawn(limit, seed=0):
    dataset, manifest = made_up()
    return sampling.sample(dataset, manifest, ["test"], limit, seed).images("test"), dataset, manifest


@pytest.mark.parametrize("limit", [50, 100, 500])
def test_each_class_has_its_share(limit):
    images, dataset, manifest = drawn(limit)
    shown = Counter(int(number) for image in images for number in set(manifest.of(dataset, image).boxes[:, 0]))
    assert len(images) == len(set(images)) == limit
    assert shown[0] == pytest.approx(0.8 * limit, abs=1)
    assert shown[1] == pytest.approx(0.1 * limit, abs=1)
    assert sum(not len(manifest.of(dataset, image).boxes) for image in images) == pytest.approx(0.1 * limit, abs=1)


def test_as_many_people_as_possible():
    images, dataset, manifest = drawn(100)
    people = Counter(manifest.of(dataset, image).person for image in images)
    at_random = {manifest.of(dataset, image).person for image in dataset.images("test")[:100]}
    assert len(people) > 1.2 * len(at_random)
    assert max(people.values()) <= 4  # one for each of the strata: common, rare, idle, background


def test_a_smaller_part_lies_in_a_larger_one_and_the_seed_changes_it():
    small, large = (set(drawn(limit)[0]) for limit in (60, 300))
    assert small < large
    assert small != set(drawn(60, seed=1)[0])
    assert drawn(1000)[0] == drawn(5000)[0] == made_up()[0].images("test")


def test_people_are_kept_in_a_manifest(tmp_path):
    _, manifest = made_up(20)
    manifest.write(tmp_path / "manifest.npz")
    found = read(tmp_path / "manifest.npz").entries
    assert {name: entry.person for name, entry in found.items()} == {
        name: entry.person for name, entry in manifest.entries.items()
    }
