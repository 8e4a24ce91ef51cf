"""Ultralytics' data set with labels from a manifest: it opens nothing but the images, and writes nothing.

Ultralytics' own looks at every image before a training, repairs images in place, leaves out what it cannot use, and
keeps pickles beside the labels, which whoever finds them there runs. It also prefers `.npy` files beside the images.
"""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ultralytics.data import build
from ultralytics.data.dataset import YOLODataset

from pinch.core import collection
from pinch.data import manifest as manifests
from pinch.data.for_ultralytics import LABELS


class ManifestDataset(YOLODataset):
    """Images with the labels of the manifest that the data.yaml names."""

    # Attributes that Ultralytics sets for files that may be missing; these are.
    npy_files = property(lambda self: _NoFiles(), lambda self, files: None)

    @collection.paused()
    def get_labels(self) -> list[dict[str, Any]]:
        """The labels of `im_files`, as Ultralytics' own verification describes them."""
        path = Path(self.data[LABELS])
        entries = _read(path, path.stat().st_mtime_ns, path.stat().st_ino).entries
        return [
            {
                "im_file": image,
                "shape": entries[image].shape,
                "cls": entries[image].boxes[:, :1],
                "bboxes": entries[image].boxes[:, 1:],
                "segments": [],
                "keypoints": None,
                "normalized": True,
                "bbox_format": "xywh",
            }
            for image in self.im_files
        ]


@functools.lru_cache(maxsize=1)
def _read(path: Path, _time: int, _inode: int) -> manifests.Manifest:
    """The manifest of all splits of a training, once for all of them, and anew where the file is another."""
    return manifests.read(path)


class _NoFiles:
    """As many paths of files that do not exist as are asked for."""

    def __getitem__(self, index: int) -> Path:
        return Path("/nonexistent.npy")


@contextlib.contextmanager
def labels_from_manifest() -> Iterator[None]:
    """Let Ultralytics build its data sets with labels from the manifest that their data.yaml names."""
    original: Any = build.YOLODataset
    build.YOLODataset = ManifestDataset  # type: ignore[misc]
    try:
        yield
    finally:
        build.YOLODataset = original  # type: ignore[misc]
