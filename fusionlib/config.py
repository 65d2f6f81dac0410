"""Every parameter of the method, in one frozen dataclass."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from .decomposition import DEFAULT_LAM, DEFAULT_PADDING, MAX_PADDING
from .errors import InputError, shown
from .images.colour import COLOUR
from .images.validation import (
    check_choice,
    check_positive,
    check_positive_int,
    check_shares,
)
from .vgg.layers import PAPER_LAYERS, check_layers

__all__ = ["PRECISIONS", "PRESETS", "FusionConfig"]

#: What the presets change about the paper's parameters, by name.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "released": {"before_relu": True},
    "recommended": {
        "lam": 20.0,
        "input_scale": 255.0,
        "selection": "absmax",
        "base": "contrast",
        "base_power": 4.0,
        "guided_radius": 16,
        "mirror": 32,
        "power": 2.0,
        "gain": 1.2,
    },
}

#: Arithmetic that the network can run in.
PRECISIONS = ("fp32", "bf16")

#: How base parts are weighed, see :class:`FusionConfig`.
BASE_RULES = ("average", "activity", "contrast")

#: Largest block radius that makes sense for any accepted image.
MAX_RADIUS = 1024


@dataclass(frozen=True)
class FusionConfig:
    """Parameters of the fusion method; the defaults are the paper's.

    Attributes
    ----------
    lam : float
        Weight of the gradient penalty in equation (1), above 0.
    padding : int
        Mirrored pixels around a source in the decomposition.
    alpha : tuple of float or None
        Weights of the base parts in equation (3), one a source, with sum 1; None
        is 1/K each.
    layers : tuple of str
        Layers that give candidates, in network order.
    before_relu : bool
        Read the features before the ReLU of each layer, as the authors' released
        results do, instead of after it, as the paper says.
    input_scale : float
        Factor on the detail content before the network, above 0. The paper has 1;
        255 is what a network trained on 8-bit values expects.
    pooling : {"ceil", "floor"}
        How 2x2 pooling treats an odd last row or column. With "floor" a strip at
        the lower and right edge gets no weight and loses its detail.
    radius : int
        r of equation (6): activities are averaged over (2r+1)^2 blocks.
    upsampling : {"nearest", "bilinear"}
        How weight maps grow to the size of the image; equation (8) is "nearest".
    selection : {"max", "absmax"}
        How candidates become one: equation (10) is "max"; "absmax" takes the
        candidate of largest magnitude.
    base : {"average", "activity", "contrast"}
        Weights of the base parts in equation (3): everywhere the same (``alpha``);
        by the deep activity of the sources; or by the contrast of their histograms.
        See :func:`fusionlib.fusion.weigh_bases`.
    base_power : float
        Exponent of activity or contrast in the weights of the base parts, above 0.
    guided_radius : int
        r of the guided filter that fits the weights of the base parts to the edges
        of the sources, see :func:`fusionlib.images.filters.guided_filter`; 0 is none.
    mirror : int
        Mirrored pixels around what the network sees, a multiple of 8. The paper has
        0: the network's zeros lie beside the image and weaken its border.
    above_floor : bool
        Take from each activity the response to an empty image.
    power : float
        Exponent of the activities in equation (7), above 0.
    gain : float
        Factor on the fused detail content in equation (11), above 0.
    precision : {"fp32", "bf16"}
        Arithmetic of the network: float32, or bfloat16 if that is asked for. The
        rest of the method is float64.
    colour : {"luminance", "channels"}
        How colour is fused, see :mod:`fusionlib.images.colour`.

    Raises
    ------
    InputError
        If a parameter is out of range, at construction.
    """

    lam: float = DEFAULT_LAM
    padding: int = DEFAULT_PADDING
    alpha: tuple[float, ...] | None = None
    layers: tuple[str, ...] = PAPER_LAYERS
    before_relu: bool = False
    input_scale: float = 1.0
    pooling: str = "ceil"
    radius: int = 1
    upsampling: str = "nearest"
    selection: str = "max"
    base: str = "average"
    base_power: float = 2.0
    guided_radius: int = 0
    mirror: int = 0
    above_floor: bool = False
    power: float = 1.0
    gain: float = 1.0
    precision: str = "fp32"
    colour: str = "luminance"

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("lam", check_positive(self.lam, "lam"))
        padding = check_positive_int(
            self.padding, "padding", minimum=0, maximum=MAX_PADDING
        )
        put("padding", padding)
        put("alpha", check_shares(self.alpha, "alpha"))
        put("layers", check_layers(self.layers))
        for name in ("before_relu", "above_floor"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise InputError(f"{name} must be a bool, got {shown(value)}")
            put(name, bool(value))
        for name in ("input_scale", "base_power", "power", "gain"):
            put(name, check_positive(getattr(self, name), name))
        for name in ("mirror", "guided_radius"):
            value = getattr(self, name)
            put(name, check_positive_int(value, name, minimum=0, maximum=MAX_RADIUS))
        if self.mirror % 8:
            raise InputError(f"mirror must be a multiple of 8, got {self.mirror}")
        check_choice(self.base, "base", BASE_RULES)
        if self.alpha is not None and self.base != "average":
            raise InputError(
                f'alpha is for base="average", but base is "{self.base}": leave one out'
            )
        put("pooling", check_choice(self.pooling, "pooling", ("ceil", "floor")))
        put("radius", check_positive_int(self.radius, "radius", maximum=MAX_RADIUS))
        check_choice(self.upsampling, "upsampling", ("nearest", "bilinear"))
        check_choice(self.selection, "selection", ("max", "absmax"))
        check_choice(self.precision, "precision", PRECISIONS)
        check_choice(self.colour, "colour", COLOUR)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> FusionConfig:
        """Return a named configuration, with changes if any are given.

        Parameters
        ----------
        name : {"paper", "released", "recommended"}
            ``paper`` is what the text says. ``released`` is how the authors'
            released images were made: features are read before the ReLU.
            ``recommended`` keeps more of both sources with the same network; with
            ``gain=1`` it adds fewer artifacts. It was chosen by rules set first, see
            ``book/results/choose_recommended.py``.
        **changes
            Fields to set otherwise.

        Raises
        ------
        InputError
            If the name is unknown or a field is out of range.
        """
        check_choice(name, "preset", tuple(PRESETS))
        return cls(**PRESETS[name] | changes)

    @property
    def preset_name(self) -> str:
        """Name of the preset with the same method, or ``custom``.

        The arithmetic of the network and colour are not part of the method.
        """
        method = self.replace(precision="fp32", colour="luminance")
        return next((n for n in PRESETS if method == self.preset(n)), "custom")

    def replace(self, **changes: Any) -> FusionConfig:
        """Return a copy with some fields changed.

        Raises
        ------
        InputError
            If a field is out of range.
        """
        return dataclasses.replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold."""
        return dataclasses.asdict(self)
