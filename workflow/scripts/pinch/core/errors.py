"""The exception whose message is meant for users."""


class PinchError(Exception):
    """An error that the user can correct. Its message is one sentence: what is wrong, where, and how to correct it."""


class PausedError(PinchError):
    """Work stopped in good order, because its time is over; the same command continues it."""
