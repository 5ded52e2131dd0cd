"""The one exception that people are meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """What was given cannot be used.

    The message is one sentence that says what was given, what was expected and what to do. The
    command line prints it on standard error and ends with status 2; library users catch it as a
    ``ValueError``.
    """
