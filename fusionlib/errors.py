"""The one exception that users are meant to see, and the words for it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

__all__ = ["InputError", "describe", "hint", "one_line", "reason", "shown", "some"]

#: Longest message that is kept whole.
_LONGEST = 2000


def one_line(text: str) -> str:
    """Return text with everything that cannot be printed written as an escape.

    File names may hold line feeds, control characters, or bytes that are no text.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def reason(error: BaseException) -> str:
    """Return in a few words, on one line, what an exception says.

    Parameters
    ----------
    error : BaseException
        An exception of the operating system or of another library.

    Returns
    -------
    str
        The system's words for an error of the system, else the first line of the
        message, else the name of the exception.
    """
    text = getattr(error, "strerror", None)
    if isinstance(text, str) and text:
        return one_line(text[0].lower() + text[1:])
    lines = str(error).strip().splitlines()
    return one_line(lines[0]) if lines else type(error).__name__


def shown(value: object) -> str:
    """Return how Python writes a value; its type if it cannot be written.

    Python refuses to write an integer of more than 4300 digits.
    """
    try:
        return repr(value)
    except Exception:
        return f"an object of type {type(value).__name__} that cannot be shown"


def hint(value: object, known: Iterable[str]) -> str:
    """Return "; did you mean ..." with the names that look like a value, or nothing.

    Capital letters and what is neither letter nor digit do not count, so that Qabf
    is Q_abf; nor does an end that is missing, so that SSIM may be SSIM_a.

    Examples
    --------
    >>> hint("Qabf", ["MI", "Q_abf", "Q_w"])
    '; did you mean Q_abf?'
    """
    names = {re.sub(r"[\W_]", "", name).casefold(): name for name in known}
    text = re.sub(r"[\W_]", "", shown(value)[:80]).casefold()
    near = [name for name in names if len(text) > 2 and name.startswith(text)]
    near = [text] if text in names else near or difflib.get_close_matches(text, names)
    return f"; did you mean {' or '.join(names[n] for n in near[:3])}?" if near else ""


def some(items: Sequence[str]) -> str:
    """Return the first three of some names, and how many more there are."""
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return ", ".join(items[:3]) + more


class InputError(ValueError):
    """Input that cannot be used.

    The message is one sentence that names the argument, what was expected and
    what came; the command line prints it as it is and exits with status 2. It is
    one line, whatever the names of files in it.
    """

    def __init__(self, message: str) -> None:
        text = one_line(message)
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 4 :]}"
        super().__init__(text)


def describe(error: BaseException) -> str:
    """Return an exception on one line; before the message, its name if not ours."""
    text = one_line(" ".join(str(error).split()))[:_LONGEST]
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
