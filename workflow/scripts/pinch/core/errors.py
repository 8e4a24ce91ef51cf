"""The one exception that users are meant to read."""


class PinchError(Exception):
    """Something the user can mend. The message is one clear sentence: what is wrong, where, and how to mend it."""
