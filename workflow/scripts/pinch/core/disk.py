"""What users are told when a disk does not take or give a file."""

import errno
import os

# What is wrong and how to mend it, for the errors that are not faults of a program.
_SENTENCES = {
    errno.ENOSPC: "there is no space left on the disk of {path}: free some space and run again",
    errno.EDQUOT: "your quota on the disk of {path} is used up: remove files or ask for more, and run again",
    errno.EFBIG: "{path} is larger than the system allows (`ulimit -f`): raise the limit and run again",
    errno.EROFS: "{path} is on a disk that is read-only: choose another place",
    errno.EACCES: "access to {path} is denied: change its permissions or choose another place",
    errno.EPERM: "access to {path} is denied: change its permissions or choose another place",
    errno.EISDIR: "{path} is a folder, where a file is needed: correct the path",
    errno.ENOTDIR: "{path} leads through a file that is no folder: correct the path",
    errno.EEXIST: "{path} is a file, where a folder is needed: correct the path",
    errno.ELOOP: "{path} is a link that leads in a circle: correct the link",
    errno.ENAMETOOLONG: "{path} is too long a name: choose a shorter one",
    errno.EIO: "the disk of {path} does not answer: look at it and run again",
    errno.ESTALE: "the disk of {path} does not answer: look at it and run again",
}
FULL = {errno.ENOSPC, errno.EDQUOT}
"""Numbers of the errors that no other way of writing a file can help against."""
LITTLE = 1 << 20
"""A disk with fewer free bytes is full."""


def explain(error: OSError, path: str | os.PathLike[str] | None = None) -> str | None:
    """What is wrong and how to mend it, in one sentence; None if the error is of another kind.

    Args:
        error: an error of the system.
        path: the file that was used, if the error does not name one.
    """
    sentence = _SENTENCES.get(error.errno or 0)
    return sentence and sentence.format(path=error.filename or path or "an output")


def full(folder: str | os.PathLike[str]) -> OSError | None:
    """The error of a full disk if that of a folder is full; for libraries that do not say why they could not write."""
    found = os.statvfs(folder)
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if found.f_bavail * found.f_frsize < LITTLE else None
