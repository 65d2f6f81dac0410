"""What the registers of metrics and of fusion methods share.

Conventions, and docstrings in which a decorator fills in what all functions of a
register have in common. Imports nothing that is slow: the command line reads it.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Convention:
    """A set of choices that results depend on.

    Attributes
    ----------
    title : str
        What is computed, in a few words.
    stand_in : str or None
        The convention that is used for metrics without this one. If None, those
        metrics are not defined in this convention.
    levels : bool
        Whether images are rounded to 8-bit grey levels first, as in a file.
    by_channel : bool
        Whether colour images are evaluated channel by channel, with grey ones
        repeated, and the mean of the channels is taken; if not, their luminance is
        evaluated.
    """

    title: str
    stand_in: str | None = None
    levels: bool = False
    by_channel: bool = False


#: All conventions by name. The first is the default, for metrics and methods.
CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        "published": Convention("what the released programs compute"),
        "exact": Convention("the definition, without errors of rounding", "published"),
        "vifb": Convention(
            "what the VIFB benchmark computes: 8-bit files, colour channel by channel",
            levels=True,
            by_channel=True,
        ),
        "tang": Convention(
            "what the evaluation scripts of Tang's repositories compute: 8-bit files",
            levels=True,
        ),
    }
)

_SECTIONS = ("Parameters", "Returns", "Raises", "Notes", "References", "Examples")


def complete(
    function: Callable[..., Any],
    shared: Mapping[str, str],
    like: Callable[..., Any] | None = None,
) -> None:
    """Fill in the numpydoc docstring of a function, and take types off its signature.

    Parameters
    ----------
    function : callable
        A function that a decorator has made: it takes more types than the one inside.
    shared : mapping of str to str
        Bodies of sections by title. Shared parameters come before those that the
        docstring describes; any other section of the docstring stays as it is.
    like : callable, optional
        The function whose signature it has, if not its own.
    """
    doc = inspect.cleandoc(function.__doc__ or "")
    head, *parts = re.split(r"\n+(?=\w+\n-{3,}\n)", doc)
    bodies = dict(shared)
    for part in parts:
        title, _, body = part.split("\n", 2)
        both = title == "Parameters" and title in shared
        bodies[title] = f"{shared[title]}\n{body}" if both else body
    titles = sorted(bodies, key=_SECTIONS.index)
    sections = [f"{title}\n{'-' * len(title)}\n{bodies[title]}" for title in titles]
    function.__doc__ = "\n\n".join([head, *sections])
    parameters = inspect.signature(like or function).parameters.values()
    vars(function)["__signature__"] = inspect.Signature(
        [parameter.replace(annotation=parameter.empty) for parameter in parameters]
    )


def convention_parameter(conventions: Mapping[str, str]) -> str:
    """Return the description of the parameter ``convention``.

    Parameters
    ----------
    conventions : mapping of str to str
        What is computed under each convention; the first is the default.
    """
    names = ", ".join(f'"{name}"' for name in conventions)
    texts = "; ".join(f"``{name}``: {text}" for name, text in conventions.items())
    body = textwrap.fill(f"{texts}.", 84, break_on_hyphens=False)
    return f"convention : {{{names}}}, optional\n{textwrap.indent(body, '    ')}"


def insert(register: dict[str, Any], entry: Any, place: Callable[[Any], int]) -> None:
    """Add an entry to a register, and keep the entries in the order of their places."""
    entries = sorted([*register.values(), entry], key=place)
    register.clear()
    register.update((entry.name, entry) for entry in entries)


def as_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in reStructuredText; cells must not hold double quotes."""
    lines = [", ".join(f'"{cell}"' for cell in row) for row in (header, *rows)]
    table = f".. csv-table::\n   :header: {lines[0]}\n\n"
    return table + textwrap.indent("\n".join(lines[1:]), "   ")


def public_names(namespace: Mapping[str, Any]) -> list[str]:
    """Return the names of a package, without modules and those with an underscore."""
    return [
        name
        for name, value in namespace.items()
        if not name.startswith("_") and not inspect.ismodule(value)
    ]
