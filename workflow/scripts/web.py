#!/usr/bin/env python
"""Serve a web page that runs bundled models in the browser and measures the browser's device."""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pinch.core import cli


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the arguments, read the bundles, serve until Ctrl-C or write a folder."""
    parser = cli.parser(__doc__ or "")
    parser.add_argument(
        "bundles", metavar="BUNDLE", nargs="+", type=Path, help="zip made by bundle.py; the first runs at first"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at; 0.0.0.0 opens it to the network")
    parser.add_argument("--port", type=cli.port, default=8000, help="port to serve at; 0: any free one")
    parser.add_argument(
        "--clip",
        type=_file,
        metavar="VIDEO",
        help="video to offer in place of a rendered hand",
    )
    parser.add_argument("--no-clip", action="store_true", help="offer no video")
    parser.add_argument(
        "--save", type=Path, default=Path(), metavar="FOLDER", help="where times that pages measure are written"
    )
    parser.add_argument("--certificate", type=_file, metavar="PEM", help="serve over HTTPS with this certificate")
    parser.add_argument("--key", type=_file, metavar="PEM", help="its key")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write the page for another server, and end")
    arguments = parser.parse_args(argv)
    if bool(arguments.certificate) != bool(arguments.key):
        parser.error("--certificate and --key go together")

    from pinch.apps import ports
    from pinch.apps.web import bundles, server, site, timings

    site.require_built()
    found = [bundles.read(path) for path in arguments.bundles]
    with tempfile.TemporaryDirectory(prefix="pinch-web-") as scratch:
        clip = None if arguments.no_clip else site.playable(arguments.clip, Path(scratch))
        if arguments.output:
            site.write(arguments.output, site.resources(found, saves=False, clip=clip))
            print(f"the page is in {arguments.output}")
            return
        contents = site.resources(found, saves=True, clip=clip)
        listening = ports.listen(arguments.host, arguments.port)
        application = server.app(contents, timings.Saver(arguments.save), arguments.host)
        scheme = "https" if arguments.certificate else "http"
        print(f"the page is at {scheme}://{ports.written(arguments.host, listening)}/ (Ctrl-C ends)", flush=True)
        server.server(application, arguments.certificate, arguments.key).run(sockets=[listening])


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


if __name__ == "__main__":
    cli.run(main)
