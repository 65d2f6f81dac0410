"""The one exception that users are meant to see."""

from __future__ import annotations

__all__ = ["InputError"]


class InputError(ValueError):
    """Input that cannot be used.

    The message is one sentence that names the argument, what was expected and
    what came; the command line prints it as it is and exits with status 2.
    """
