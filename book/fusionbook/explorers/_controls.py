"""What a reader can set, described once for ipywidgets and for HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fusionlib.errors import InputError

__all__ = [
    "Choice",
    "Control",
    "Question",
    "Slider",
    "State",
    "Switches",
    "check_state",
    "describe",
]

State = Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """One of a few named values.

    Attributes
    ----------
    name, label : str
        Key in the state, and what the reader sees.
    options : tuple of (str, str)
        Values and what the reader sees for each.
    start : str
        Value at first.
    """

    kind: ClassVar[str] = "choice"

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    start: str

    @property
    def values(self) -> tuple[str, ...]:
        """The values in order."""
        return tuple(value for value, _ in self.options)


@dataclass(frozen=True)
class Slider:
    """One of an ordered list of numbers.

    Attributes
    ----------
    name, label : str
        Key in the state, and what the reader sees.
    values : sequence of int or float
        The stops.
    start : int or float
        One of the stops.
    form : str
        Format of a value, such as ``"{:g} px"``.
    follows : str
        "x" or "y" if the slider is a position in the picture that a pointer sets,
        "split" if it is a dividing line in per cent of the width.
    limits : tuple of str and mapping of str to int, optional
        Name of another control, and how many stops there are for each of its values.
    """

    kind: ClassVar[str] = "slider"

    name: str
    label: str
    values: Sequence[float]
    start: float
    form: str = "{:g}"
    follows: str = ""
    limits: tuple[str, Mapping[str, int]] | None = None

    def stops(self, state: State) -> int:
        """Return how many of the stops there are in a state."""
        if self.limits is None:
            return len(self.values)
        name, counts = self.limits
        return counts[state[name]]

    @property
    def options(self) -> list[tuple[float, str]]:
        """Values and what the reader sees for each."""
        return [(value, self.form.format(value)) for value in self.values]


@dataclass(frozen=True)
class Switches:
    """Some of a few named values.

    Attributes
    ----------
    name, label : str
        Key in the state, and what the reader sees.
    options : tuple of (str, str)
        Values and what the reader sees for each.
    start : tuple of str
        Values that are on at first.
    colours : tuple of str
        A colour swatch for each option, or none.
    """

    kind: ClassVar[str] = "switches"

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    start: tuple[str, ...]
    colours: tuple[str, ...] = ()

    @property
    def values(self) -> tuple[str, ...]:
        """The values in order."""
        return tuple(value for value, _ in self.options)


Control = Choice | Slider | Switches


@dataclass(frozen=True)
class Question:
    """Something to find out, which the explorer can check.

    Attributes
    ----------
    text : str
        The question; it is answered by setting controls.
    accept : tuple of mapping of str to object
        Answers: each holds the values that some of the controls must have.
    hint : str
        Where to look, for those whose answer is none of them.
    """

    text: str
    accept: tuple[State, ...]
    hint: str

    def answers(self, state: State) -> bool:
        """Return whether a state is an answer."""
        return any(
            all(state[name] == value for name, value in answer.items())
            for answer in self.accept
        )


def describe(control: Control) -> dict[str, Any]:
    """Return a control for the script of the page."""
    return {
        "name": control.name,
        "kind": control.kind,
        "values": [_plain(value) for value, _ in control.options],
        "texts": [text for _, text in control.options],
        "start": _plain(control.start),
        "follows": getattr(control, "follows", ""),
        "limits": getattr(control, "limits", None),
    }


def _plain(value: Any) -> Any:
    """Return whole numbers without a point, as JavaScript prints them."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_state(controls: Sequence[Control], changes: State) -> dict[str, Any]:
    """Return a full state: the starting values with some of them changed.

    Parameters
    ----------
    controls : sequence of Control
        What can be set.
    changes : mapping of str to object
        Values by control name.

    Raises
    ------
    InputError
        If a name or a value is none that the controls offer.
    """
    state: dict[str, Any] = {control.name: control.start for control in controls}
    for name, value in changes.items():
        if name not in state:
            raise InputError(
                f"state: there is no control {name!r}, only {', '.join(state)}"
            )
        state[name] = value
    for control in controls:
        value = state[control.name]
        if isinstance(control, Switches):
            chosen = tuple(v for v in control.values if v in value)
            state[control.name], bad = chosen, len(chosen) != len(tuple(value))
        elif isinstance(control, Slider):
            bad = value not in control.values[: control.stops(state)]
        else:
            bad = value not in control.values
        if bad:
            raise InputError(f"state: {control.name} cannot be {value!r}")
    return state
