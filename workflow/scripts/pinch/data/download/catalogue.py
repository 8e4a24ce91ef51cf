"""What HaGRID's makers publish: versions, archives, addresses, sizes, licence.

From the READMEs of https://github.com/hukenovs/hagrid (branches Hagrid_v1, Hagrid_v2, Hagrid_v2-1M), read in November
2026. Sizes are rounded as they stand there; the servers were not asked. docs/hagrid.md repeats this table.
"""

from dataclasses import dataclass

from pinch.data.gestures import PICTURED

LICENCE = "a public licence with attribution and conditions reserved, a variant of CC BY-SA 4.0"
LICENCE_URL = "https://github.com/hukenovs/hagrid/blob/master/license/en_us.pdf"
PROJECT = "https://github.com/hukenovs/hagrid"

_GB = 1_000_000_000


@dataclass(frozen=True)
class Archive:
    """One zip file.

    Attributes:
        url: where it is published.
        gestures: whose pictures or annotations it holds.
        size: published size in bytes, rounded; None: it is not published.
        phase: of annotations, the folder of an archive that has none of its own; empty if it has.
    """

    url: str
    gestures: tuple[str, ...]
    size: int | None = None
    phase: str = ""

    @property
    def name(self) -> str:
        """Its file name, by which a mirror has it."""
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Release:
    """One version at one size.

    Attributes:
        version: v1, v2 or v2-1M.
        size: 512 or full.
        pictures: published number of pictures.
        annotations: archives of annotations.
        images: archives of pictures.
    """

    version: str
    size: str
    pictures: int
    annotations: tuple[Archive, ...]
    images: tuple[Archive, ...]

    @property
    def identity(self) -> dict[str, str]:
        """What tells one release from another."""
        return {"version": self.version, "size": self.size}

    @property
    def gestures(self) -> tuple[str, ...]:
        """The gestures that have pictures, in the order of upstream's class numbers."""
        return PICTURED[self.version]


_V1 = "https://n-usr-2uzac.s3pd12.sbercloud.ru/b-usr-2uzac-mv4/hagrid"
_V1_512 = "https://n-ws-620xz-pd11.s3pd11.sbercloud.ru/b-ws-620xz-pd11-jux/hagrid/hagrid/hagrid_512.zip"
_DATASETS = "https://rndml-team-cv.obs.ru-moscow-1.hc.sbercloud.ru/datasets"
_V2 = f"{_DATASETS}/hagrid/hagrid_dataset_new_554800"
_V2_1M = f"{_DATASETS}/hagrid_v2"

# GB of each gesture's archive of full-size pictures.
_V1_FULL = {
    **{"call": 39.1, "dislike": 38.7, "fist": 38.0, "four": 40.5, "like": 38.3, "mute": 39.5, "ok": 39.0, "one": 39.9},
    **{"palm": 39.3, "peace": 38.6, "peace_inverted": 38.6, "rock": 38.9, "stop": 38.3, "stop_inverted": 40.2},
    **{"three": 39.4, "three2": 38.5, "two_up": 41.2, "two_up_inverted": 39.2},
}
_V2_FULL = {
    **{"call": 37.2, "dislike": 40.9, "fist": 42.3, "four": 43.1, "like": 42.2, "mute": 43.2, "ok": 42.5, "one": 42.7},
    **{"palm": 43.0, "peace": 41.4, "peace_inverted": 40.5, "rock": 41.7, "stop": 41.8, "stop_inverted": 41.4},
    **{"three": 42.2, "three2": 40.2, "two_up": 41.8, "two_up_inverted": 40.9},
}
# v2-1M publishes these anew; the other sixteen gestures of v2.0 are the archives of v2.0.
_V2_1M_FULL = {
    **{"grabbing": 48.7, "grip": 48.6, "holy": 52.7, "point": 50.4, "three3": 54.0, "timeout": 39.5, "xsign": 51.3},
    **{"hand_heart": 39.6, "hand_heart2": 42.6, "little_finger": 48.6, "middle_finger": 50.5, "take_picture": 37.3},
    **{"three_gun": 50.1, "thumb_index": 62.8, "thumb_index2": 24.8, "no_gesture": 0.4939, "one": 42.7, "rock": 41.7},
}


def _per_gesture(folder: str, sizes: dict[str, float], prefix: str = "") -> dict[str, Archive]:
    """Gesture -> its own archive in a folder."""
    return {
        gesture: Archive(f"{folder}/{prefix}{gesture}.zip", (gesture,), round(gigabytes * _GB))
        for gesture, gigabytes in sizes.items()
    }


def _releases() -> dict[tuple[str, str], Release]:
    v1, v2, v2_1m = (PICTURED[version] for version in ("v1", "v2", "v2-1M"))
    v1_annotations = (
        Archive(f"{_V1}/ann_train_val.zip", v1, phase="ann_train_val"),
        Archive(f"{_V1}/ann_test.zip", v1, round(0.0273 * _GB), phase="ann_test"),
    )
    v2_annotations = (Archive(f"{_V2}/annotations.zip", v2),)
    v2_1m_annotations = (Archive(f"{_V2_1M}/annotations_with_landmarks/annotations.zip", v2_1m),)
    v1_full = _per_gesture(_V1, _V1_FULL, "train_val_")
    v2_full = _per_gesture(f"{_V2}/hagrid_dataset", _V2_FULL)
    v2_1m_full = v2_full | _per_gesture(f"{_V2_1M}/hagrid_v2_zip", _V2_1M_FULL)
    made = [
        Release("v1", "512", 552_992, v1_annotations, (Archive(_V1_512, v1, 13 * _GB),)),
        Release(
            "v1",
            "full",
            552_992,
            v1_annotations,
            (*(v1_full[gesture] for gesture in v1), Archive(f"{_V1}/test.zip", v1, round(60.4 * _GB))),
        ),
        Release(
            "v2", "512", 554_800, v2_annotations, (Archive(f"{_V2}/hagrid_dataset_512.zip", v2, round(26.4 * _GB)),)
        ),
        Release("v2", "full", 554_800, v2_annotations, tuple(v2_full[gesture] for gesture in v2)),
        Release(
            "v2-1M",
            "512",
            1_086_158,
            v2_1m_annotations,
            (Archive(f"{_V2_1M}/hagridv2_512.zip", v2_1m, round(119.4 * _GB)),),
        ),
        Release("v2-1M", "full", 1_086_158, v2_1m_annotations, tuple(v2_1m_full[gesture] for gesture in v2_1m)),
    ]
    return {(release.version, release.size): release for release in made}


RELEASES = _releases()
"""(version, size) -> what is published."""
