"""The one exception that people are meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """What was given cannot be used.

    The message is one sentence that says what was given, what was expected and what to do. The
    command line prints it on standard error and ends with status 2; library users catch it as a
    ``ValueError``.
    """


class InputWarning(UserWarning):
    """What was given is used, but in a way that people should know of.

    The message is one sentence. The command line shows it with the result; library users see it as
    a Python warning and find it in ``Track.info["warnings"]``.
    """
