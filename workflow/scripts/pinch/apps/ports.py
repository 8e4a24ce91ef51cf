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
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PinchError(f"{host}:{port} cannot be used ({reason}): choose another --port or --host") from error
