"""What all commands share: how they end and how they print help."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pinch.core import disk
from pinch.core.environment import isolate_ultralytics
from pinch.core.errors import PausedError, PinchError
from pinch.core.ownership import require_output


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows every default that is not empty, and lists as they are typed."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or action.default in ([], (), {}):
            return action.help
        if isinstance(action.default, list | tuple):
            return f"{action.help} (default: {' '.join(map(str, action.default))})"
        return super()._get_help_string(action)


def parser(description: str) -> argparse.ArgumentParser:
    """An argument parser whose help shows defaults."""
    return argparse.ArgumentParser(description=description, formatter_class=_HelpFormatter)


def fraction(text: str) -> float:
    """An argument between 0 and 1, both excluded (a pruning ratio, a sparsity)."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a fraction between 0 and 1 (both excluded)")
    return value


def whole(text: str) -> int:
    """An argument that counts something (threads, pixels, frames): a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def port(text: str) -> int:
    """An argument that names a port to serve at; 0: any free one."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port, a whole number from 0 to 65535")
    return int(text)


def output_file(text: str) -> Path:
    """An argument that names an output file: refused at once if Pinch may not replace what is there."""
    path = Path(text)
    require_output(path)
    return path


def add_stage_to(parser: argparse.ArgumentParser) -> None:
    """Add the option of a command that trains to read images from a faster disk."""
    parser.add_argument(
        "--stage-to",
        metavar="FOLDER",
        type=_folder_on_node,
        help="existing folder on a faster disk (of the node) to which images are copied for the time of training",
    )


def _folder_on_node(text: str) -> Path | None:
    """A folder whose name may hold environment variables of the node, such as $SLURM_TMPDIR; None if it is empty."""
    return Path(os.path.expandvars(text)) if text else None


def _end_on_sigterm() -> None:
    """End as after an error, so that temporary files are removed: SIGTERM is a scheduler's way to end a job."""
    owner = os.getpid()

    def end(number: int, frame: Any) -> None:
        if os.getpid() != owner:
            os._exit(128 + number)  # a forked worker would take an exception for the result of its task
        signal.signal(number, signal.SIG_IGN)  # it may come twice
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)


def run(main: Callable[[Sequence[str] | None], None], starts_snakemake: bool = False) -> None:
    """Run a command's `main` and end the process.

    It ends with 0; with 1 and the sentence of a `PinchError`, or of a disk that refuses; with 75 if it paused; with
    143 after SIGTERM and 130 after Ctrl-C, as soon as what it holds (temporary files, locks) is given back.

    Args:
        main: the command.
        starts_snakemake: whether it starts Snakemake, which would pass this process's environment on to every job.
    """
    if not starts_snakemake:
        isolate_ultralytics()
    _end_on_sigterm()
    try:
        main(None)
    except PausedError as paused:
        print(paused, file=sys.stderr)
        sys.exit(os.EX_TEMPFAIL)
    except PinchError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: error: {error}")
    except OSError as error:
        if sentence := disk.explain(error):
            sys.exit(f"{Path(sys.argv[0]).name}: error: {sentence}")
        raise
    except KeyboardInterrupt:
        sys.exit(130)
