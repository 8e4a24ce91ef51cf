"""Converting the data sets of `tiny_hagrid`, and what a conversion leaves."""

from tiny_hagrid import GESTURES

from pinch.data.hagrid import conversion, source
from pinch.data.hagrid.settings import ConversionSettings


def convert(root, out, targets=GESTURES, phases=(), background=None, processes=1, labels=None, **options):
    """Convert a data set and return what was found."""
    found = source.find(root / "images", root / "annotations", targets, phases, background)
    _, findings = conversion.convert(found, out, ConversionSettings(**options), processes=processes, labels=labels)
    return findings


def labels(out, split, gesture, number=0):
    """The lines of an image's label file."""
    (path,) = (out / "labels").rglob(f"{split}-{gesture}-{number}.txt")
    return path.read_text().splitlines()


def line(number, box):
    """The line of a label file for a box [x, y, width, height] of this class."""
    x, y, width, height = box
    return f"{number} {x + width / 2:.6f} {y + height / 2:.6f} {width:.6f} {height:.6f}"


def tree(folder):
    """The files in a folder, by their paths."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def times(out):
    """What tells that images and label files were not written again."""
    files = [path.lstat() for path in sorted([*out.rglob("*.jpg"), *out.rglob("*.txt")])]
    return [(file.st_ino, file.st_mtime_ns) for file in files]
