"""Download a part of HaGRID, or all of it, into the layout that the converter reads.

    <out>/annotations/<phase>/<gesture>.json    with a limit, only the entries of the pictures that were chosen
    <out>/images/<gesture>/<stem>.jpg
    <out>/.fetch/                               archives until they are unpacked, annotations as they are published

The phases are train, val and test; in v1 ann_train_val and ann_test, as it is published.
"""

import json
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from pinch.core.errors import PinchError
from pinch.core.files import place, update_text, write_json
from pinch.core.lock import held
from pinch.core.ownership import claim
from pinch.core.text import listed
from pinch.data.download import choosing, members
from pinch.data.download.members import Member
from pinch.data.download.plan import STATE, Plan, Request, Take, content, release_note, require_space, unpacked_note
from pinch.data.download.progress import Progress
from pinch.data.hagrid.annotations import read_entries

FOLDER = "HaGRID"
"""The kind of the output folder, see `pinch.core.ownership.mark`."""
TOLERATED = 0.01
"""The share of pictures that may be damaged on the server."""
Chosen = dict[tuple[str, str], str]
"""(gesture, stem) -> phase of the chosen pictures."""


def run(plan: Plan, say: Callable[[str], None]) -> None:
    """Fetch what the plan says. Interrupted at any moment, the next call goes on.

    Args:
        plan: see `pinch.data.download.plan.make`.
        say: is told what cannot be had as it was asked for.

    Raises:
        PinchError: the folder is another's, the disk is too small, an archive cannot be fetched or is damaged, or
            another process works there.
    """
    request = plan.request
    require_space(request.out, plan.disk)
    claim(request.out, FOLDER, ("annotations", "images"))
    (request.out / STATE).mkdir(exist_ok=True)
    with held(request.out / STATE / "lock", f"a download to {request.out}"):
        write_json(release_note(request), request.release.identity)
        for folder in (request.full_annotations, request.out / "images"):
            members.remove_half_written(folder)
        _take(plan, plan.annotations, "annotations", say)
        chosen = _take(plan, plan.images, "images", say)
        _publish(request, chosen)


def _take(plan: Plan, takes: tuple[Take, ...], kind: str, say: Callable[[str], None]) -> Chosen | None:
    """Fetch what is wanted of some archives; the chosen pictures, if there is a limit."""
    for take in takes:
        if take.whole:
            _whole(plan, take, kind, say)
    return _parts(plan, [take for take in takes if not take.whole], kind, say)


def _whole(plan: Plan, take: Take, kind: str, say: Callable[[str], None]) -> None:
    """Download an archive, unpack it, remove it."""
    request = plan.request
    kept = request.kept(take.archive)
    if not kept.exists():
        remote = plan.remote(take)
        progress = Progress(take.archive.name, remote.size)
        remote.save(kept, progress)
        progress.end()
    with members.open_archive(kept) as opened:
        wanted = content(request, opened, take.archive, kind, take.archive.gestures)
        left = members.missing(wanted)
        progress = Progress(f"unpacking {take.archive.name}", sum(member.info.file_size for member in left))
        damaged = members.extract(opened, left, progress.add)
        if damaged:
            damaged = _repaired(plan, take, opened, damaged)
        progress.end()
    _leave_out(damaged, len(wanted), request.address(take.archive), kind, say)
    counts = Counter(str(member.path.parent.relative_to(request.out)) for member in wanted if member not in damaged)
    write_json(unpacked_note(request, take.archive), dict(counts))
    for path in (kept, kept.with_name(f"{kept.name}.json")):
        path.unlink(missing_ok=True)


def _repaired(plan: Plan, take: Take, opened: zipfile.ZipFile, damaged: list[Member]) -> list[Member]:
    """Fetch the damaged members of an archive again; those that stay damaged.

    Raises:
        PinchError: the server sends no parts, so that the archive was removed.
    """
    remote = plan.remote(take)
    if remote.ranges:
        return members.fetch(remote, opened, damaged, plan.request.connections, lambda size: None)
    plan.request.kept(take.archive).unlink()
    raise PinchError(
        f"{remote.url}: {len(damaged):,} of its files came damaged (the first is {damaged[0].info.filename}), so it "
        "was removed: start the same command again to fetch it anew"
    )


def _leave_out(damaged: list[Member], total: int, url: str, kind: str, say: Callable[[str], None]) -> None:
    """Say which files are damaged on the server itself.

    Raises:
        PinchError: they are annotations, or too many.
    """
    if not damaged:
        return
    names = f"{len(damaged):,} of {total:,} files are damaged on the server (the first is {damaged[0].info.filename})"
    if kind == "annotations" or len(damaged) > total * TOLERATED:
        raise PinchError(f"{url}: {names}; the others are there: give a mirror with --url, or try again later")
    say(f"warning: {url}: {names} and are left out")


def _parts(plan: Plan, takes: list[Take], kind: str, say: Callable[[str], None]) -> Chosen | None:
    """Fetch files out of archives on servers; the chosen pictures, if there is a limit."""
    request = plan.request
    remotes = [plan.remote(take) for take in takes]
    archives = [members.open_archive(remote) for remote in remotes]
    found = [
        content(request, archive, take.archive, kind, request.gestures)
        for take, archive in zip(takes, archives, strict=True)
    ]
    chosen = None
    if kind == "images" and request.limit is not None:
        chosen = _choose(request, [member.path for each in found for member in each], say)
        found = [[member for member in each if _key(member.path) in chosen] for each in found]
    left = [members.missing(each) for each in found]
    require_space(request.out, sum(member.info.file_size for each in left for member in each))
    for remote, archive, each, wanted in zip(remotes, archives, found, left, strict=True):
        progress = Progress(remote.url.rsplit("/", 1)[1], sum(member.info.file_size for member in wanted))
        damaged = members.fetch(remote, archive, wanted, request.connections, progress.add)
        progress.end()
        _leave_out(damaged, len(each), remote.url, kind, say)
        if chosen is not None:
            for member in damaged:
                chosen.pop(_key(member.path))
    return chosen


def _key(picture: Path) -> tuple[str, str]:
    """(gesture, stem) of a picture."""
    return picture.parent.name, picture.stem


def _choose(request: Request, pictures: list[Path], say: Callable[[str], None]) -> Chosen:
    """Draw `limit` pictures of each gesture from those that are annotated and in an archive."""
    assert request.limit is not None
    available = defaultdict(set)
    for gesture, stem in map(_key, pictures):
        available[gesture].add(stem)
    chosen: Chosen = {}
    for gesture in request.gestures:
        stems = {path.parent.name: list(read_entries(path)) for path in _annotations(request, gesture)}
        order = choosing.ordered(stems, request.seed, gesture)
        taken = choosing.chosen(order, available[gesture], request.limit)
        chosen |= {(gesture, stem): phase for phase, stem in taken}
        if len(taken) < request.limit:
            say(f"{gesture} has {len(taken):,} annotated pictures, fewer than {request.limit:,}")
    return chosen


def _annotations(request: Request, gesture: str) -> list[Path]:
    """The published annotation files of a gesture, one for each phase.

    Raises:
        PinchError: there are none.
    """
    found = sorted(request.full_annotations.glob(f"*/{gesture}.json"))
    if not found:
        names = listed([request.address(archive) for archive in request.release.annotations])
        raise PinchError(f"{names}: there are no annotations of {gesture}: give a mirror with --url that has them")
    return found


def _publish(request: Request, chosen: Chosen | None) -> None:
    """Put the annotations where the converter reads them, with a limit only those of the chosen pictures."""
    for gesture in request.gestures:
        for source in _annotations(request, gesture):
            target = request.out / "annotations" / source.parent.name / source.name
            if chosen is None:
                place(source, target)
                continue
            entries = read_entries(source)
            kept = {stem: entries[stem] for stem in entries if chosen.get((gesture, stem)) == source.parent.name}
            update_text(target, json.dumps(kept))
