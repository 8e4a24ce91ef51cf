"""Ports at which pages are served."""

import socket

from pinch.core.errors import PinchError


def listen(host: str, port: int) -> socket.socket:
    """Take a port; 0: any free one.

    Raises:
        PinchError: it is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise PinchError(
            f"{host}:{port} cannot be used ({error.strerror or error}): choose another --port or --host"
        ) from error


def free(host: str, port: int) -> int:
    """The port at which something else can listen, as `listen` would take it.

    Raises:
        PinchError: see `listen`.
    """
    with listen(host, port) as listening:
        return listening.getsockname()[1]


def written(host: str, listening: socket.socket) -> str:
    """Host and port as addresses of pages have them; the port is the one that was taken."""
    return f"{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
