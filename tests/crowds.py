"""Crowded pictures: mosaics of rendered hands, with many objects each, for tests and benchmarks."""

from pathlib import Path

import cv2
import numpy as np
import yaml

from pinch.data.synthesis import hand
from pinch.data.synthesis.scene import User, take_photo


def write(root, counts, names, tiles=4, tile=160, seed=0):
    """A data set whose pictures are mosaics of `tiles` x `tiles` photographs, `tile` pixels each; returns data.yaml.

    Args:
        root: folder of the data set.
        counts: number of pictures of each split.
        names: of the classes, all of them gestures that can be rendered.
        tiles: photographs in a row of a mosaic.
        tile: side of each, in pixels.
        seed: of everything random.
    """
    gestures = [name for name in names if name in hand.GESTURES]
    for split, (name, count) in enumerate(counts.items()):
        for kind in ("images", "labels"):
            (root / kind / name).mkdir(parents=True)
        for number in range(count):
            picture, lines = _mosaic(gestures, names, tiles, tile, np.random.default_rng([seed, split, number]))
            cv2.imwrite(str(root / "images" / name / f"{number}.jpg"), picture)
            (root / "labels" / name / f"{number}.txt").write_text("\n".join(lines))
    content = {"path": ".", **{name: f"images/{name}" for name in counts}, "names": dict(enumerate(names))}
    path = Path(root / "data.yaml")
    path.write_text(yaml.safe_dump(content))
    return path


def _mosaic(gestures, names, tiles, tile, rng):
    picture, lines = np.empty((tiles * tile, tiles * tile, 3), np.uint8), []
    for row, column in np.ndindex(tiles, tiles):
        user = User.sample(int(rng.integers(1 << 31)), 0)
        photo = take_photo(user, gestures[int(rng.integers(len(gestures)))], tile, rng)
        place = slice(row * tile, (row + 1) * tile), slice(column * tile, (column + 1) * tile)
        picture[place] = cv2.resize(photo.image, (tile, tile), interpolation=cv2.INTER_AREA)
        for found in photo.hands:
            left, top, width, height = found.box
            centre = (column + left + width / 2) / tiles, (row + top + height / 2) / tiles
            sides = width / tiles, height / tiles
            lines.append(" ".join(f"{value:.6f}" for value in (*centre, *sides)))
            lines[-1] = f"{names.index(found.label)} {lines[-1]}"
    return picture, lines
