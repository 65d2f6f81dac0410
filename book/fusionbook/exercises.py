"""Answers to the exercises: ``check(name, ...)`` says "right", or gives a hint.

The solutions of the chapters call the same checks. Where an answer follows from the
equations or the data, a check computes it with the library; where it is one number
or word, only a salted digest of it is kept, so that nobody reads it by accident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusionlib.errors import InputError
from fusionlib.errors import hint as did_you_mean

__all__ = ["EXERCISES", "Exercise", "Feedback", "check"]


@dataclass(frozen=True)
class Feedback:
    """What :func:`check` says; true if the answer is right.

    Attributes
    ----------
    right : bool or None
        None as long as an answer is still ``...``.
    text : str
        A hint, or what was right.
    read : str
        The section of the same chapter that helps.
    """

    right: bool | None
    text: str
    read: str

    def __bool__(self) -> bool:
        return bool(self.right)

    def __repr__(self) -> str:
        mark = {True: "Right.", False: "Not yet.", None: "Not answered yet."}
        read = "" if self.right else f' See the section "{self.read}".'
        return f"{mark[self.right]} {self.text}".strip() + read

    def _repr_markdown_(self) -> str:
        mark = {True: "✓ **Right.**", False: "✗ **Not yet.**", None: "… **Open.**"}
        link = f"[{self.read}](#{self.read.replace(' ', '-')})"
        read = "" if self.right else f" *See the section {link}.*"
        return f"{mark[self.right]} {self.text}".strip() + read


class _Hint(Exception):
    """An answer is wrong; the message says what to look at."""


class _Open(Exception):
    """An answer is still ``...``."""


@dataclass(frozen=True)
class Exercise:
    """An exercise: its check, and the section to read before another try."""

    test: Callable[..., None]
    read: str


#: The exercises by name; the label in the book has ``ex-`` in front.
EXERCISES: dict[str, Exercise] = {}


def check(name: str, *answers: Any) -> Feedback:
    """Say whether an answer to an exercise is right, or give a hint.

    Parameters
    ----------
    name : str
        The exercise, such as ``"decomposition-period"``.
    *answers
        What the cell below the question passes: the answers, and what the chapter
        computed before if the answer follows from that.

    Returns
    -------
    Feedback
        Shown by Jupyter; ``bool`` of it tells whether the answer is right.

    Raises
    ------
    InputError
        If there is no such exercise.

    Examples
    --------
    >>> check("decomposition-period", 1.0)
    Not yet. Too small: too much of the wave stays in the base. See the section \
"A low-pass filter with a known response".
    """
    if name not in EXERCISES:
        raise InputError(
            f"name must be an exercise of the book, got {name!r}"
            f"{did_you_mean(name, EXERCISES)}"
        )
    exercise = EXERCISES[name]
    try:
        if any(map(_is_open, answers)):
            raise _Open
        exercise.test(*answers)
    except _Hint as hint:
        return Feedback(False, str(hint), exercise.read)
    except _Open:
        return Feedback(None, "Replace each `...` by your answer.", exercise.read)
    except Exception as error:
        text = f"The answer has another form than asked for ({error})."
        return Feedback(False, text, exercise.read)
    return Feedback(True, "", exercise.read)


def _is_open(answer: Any) -> bool:
    parts = answer if isinstance(answer, tuple) else (answer,)
    return any(part is ... for part in parts)


def _exercise(name: str, *, read: str) -> Callable[[Callable[..., None]], Any]:
    def add(test: Callable[..., None]) -> Callable[..., None]:
        EXERCISES[name] = Exercise(test, read)
        return test

    return add


# What checks have in common


def _expect(condition: Any, hint: str) -> None:
    if not condition:
        raise _Hint(hint)


def _near(value: Any, right: float, tolerance: float, hint: str = "") -> None:
    """Compare a number with the right one; the tolerance is absolute."""
    number = float(value)
    side = "small" if number < right else "large"
    _expect(abs(number - right) <= tolerance, f"{number:g} is too {side}. {hint}")


def _alike(value: Any, right: np.ndarray, hint: str) -> None:
    """Compare an array with the right one."""
    array = np.asarray(value, dtype=float)
    _expect(
        array.shape == right.shape,
        f"Expected an array of shape {right.shape}, got {array.shape}.",
    )
    _expect(np.allclose(array, right, rtol=1e-4, atol=1e-6), hint)


def _digest(name: str, key: object) -> str:
    return hashlib.sha256(f"fusionbook {name} {key}".encode()).hexdigest()[:16]


def _word(name: str, value: Any, digest: str, hint: str) -> None:
    """Compare a word, or a set of words, with a digest."""
    words = [value] if isinstance(value, str) else sorted(map(str, value))
    key = " ".join(words).strip().lower()
    _expect(_digest(name, key) == digest, hint)


def _whole(name: str, value: Any, digest: str, hint: str) -> None:
    """Compare a whole number with a digest."""
    _expect(_digest(name, int(value)) == digest, hint)


def _value(name: str, value: Any, digest: str, step: float, hint: str) -> None:
    """Compare a number, in whole steps and at most one step off, with a digest."""
    steps = round(float(value) / step)
    found = {_digest(name, steps + one) for one in (-1, 0, 1)}
    _expect(digest in found, hint)


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function that the reader wrote."""
    value = function(*arguments)
    if value is ...:
        raise _Open
    return value


def _numbers(values: Iterable[Any]) -> list[int]:
    return [int(value) for value in values]


# Chapter 0


@_exercise("quickstart-released", read="How far from the plain mean?")
def _released(largest: Any, other: Any, result: Any) -> None:
    _expect(
        other.config.before_relu, "`other` was not fused with the preset `released`."
    )
    right = float(np.abs(other.F - result.F).max())
    _expect(
        abs(float(largest) - right) > 0.01 * right,
        "That is a share of white; white is 255 grey levels.",
    )
    hint = "Subtract `result.F` from `other.F`, and take the largest magnitude."
    _near(largest, 255 * right, 0.01 + 2.55 * right, hint)


@_exercise("quickstart-order", read="Every intermediate, by the paper's names")
def _quickstart_order(prediction: Any, swapped: Any, result: Any) -> None:
    _expect(
        np.array_equal(swapped.I, result.I[::-1]),
        "`swapped` must be fused from the visible and the infrared image, "
        "in this order.",
    )
    _word(
        "quickstart-order",
        prediction,
        "c759c74459890690",
        f"The two fused images differ by {np.abs(swapped.F - result.F).max():.0e}; "
        "is that the method, or rounding?",
    )


@_exercise("quickstart-three", read="Every intermediate, by the paper's names")
def _quickstart_three(three: Any, same: Any) -> None:
    _expect(len(three.I) == 3, "`three` must be fused from three sources.")
    _expect(same is not three.F_b, "Name an image that was known before.")
    _alike(
        same,
        three.F_b,
        "`three.F_b` is another image: it is the mean of "
        "three base parts; what is the base part of a mean?",
    )


# Chapter 1


@_exercise("decomposition-period", read="A low-pass filter with a known response")
def _period(lam: Any) -> None:
    gain = 1 / (1 + float(lam) * (2 - 2 * np.cos(2 * np.pi / 40)))
    _expect(gain < 0.501, "Too small: too much of the wave stays in the base.")
    _expect(gain > 0.499, "Too large: too little of the wave stays in the base.")


@_exercise("decomposition-twice", read="A low-pass filter with a known response")
def _twice(equal: Any, lam: Any) -> None:
    _word(
        "decomposition-twice",
        equal,
        "6339fe62c633b2ad",
        "Look at the largest difference of `first` and `second`.",
    )
    _value(
        "decomposition-twice",
        lam,
        "1a5656d873e98e85",
        0.1,
        "Gains multiply. Write the square of the gain for small frequencies.",
    )


@_exercise("decomposition-minimum", read="The problem the paper solves")
def _minimum(objective: Any, by_solver: Any, crop: Any) -> None:
    ramp = np.arange(12.0).reshape(3, 4) / 4
    _value(
        "decomposition-minimum",
        _call(objective, 0 * ramp, ramp),
        "7f39624bf0c267f9",
        0.01,
        "The first term, of a base without gradient, is wrong.",
    )
    _value(
        "decomposition-minimum",
        _call(objective, ramp, ramp),
        "7d9ee7a8531ab4cc",
        0.01,
        "The second term, of a base equal to the source, is wrong: "
        "differences of neighbours along rows and columns, with λ = 5.",
    )
    random = np.random.RandomState(1)
    step = 1e-3 * random.standard_normal(np.shape(crop))
    _expect(
        objective(by_solver + step, crop) > objective(by_solver, crop),
        "A random neighbour has a smaller sum than the solver's base.",
    )


# Chapter 2


@_exercise("features-field", read="What one sample sees")
def _field(field: Any) -> None:
    from fusionlib.vgg.layers import PAPER_LAYERS, receptive_field

    known = dict(
        zip(("c", "ccpc", "ccpccpc", "ccpccpccccpc"), PAPER_LAYERS, strict=True)
    )
    for layers, name in known.items():
        right = receptive_field(name)
        found = _call(field, layers)
        _expect(
            found == right,
            f"field({layers!r}) is {found}, but {name} sees {right} pixels.",
        )
    _whole(
        "features-field",
        field("ccpccpccccpccccpc"),
        "0d8e9eea834cfde2",
        "The four layers are right, relu5_1 is not.",
    )


@_exercise("features-grey", read="What each layer costs")
def _grey(one: Any, saved: Any, kernels: Any, shape: Any) -> None:
    from fusionlib.vgg.layers import multiply_adds

    _alike(
        one,
        np.asarray(kernels, float).sum(axis=1, keepdims=True),
        "What does one channel have to be multiplied by, if all three channels "
        "are the same?",
    )
    height, width = shape
    for name, share in zip(("relu1_1", "relu4_1"), saved, strict=True):
        all_three = multiply_adds(height, width, name, channels=3)
        right = 1 - multiply_adds(height, width, name) / all_three
        _near(share, right, 0.01 * right, f"This is about {name}.")


@_exercise("features-silent", read="A layer is a stack of maps")
def _silent(counts: Any, matter: Any, detail: Any, weights: Any) -> None:
    from fusionlib.features import feature_maps

    for count, scale in zip(counts, (1.0, 255.0), strict=True):
        phi = feature_maps(detail, weights, "relu3_1", input_scale=scale)
        right = int(np.sum(phi.max(axis=(1, 2)) == 0))
        _near(count, right, 0, f"This is about the factor {scale:g}.")
    _word(
        "features-silent",
        matter,
        "a54df31173190d8e",
        "What does a map of zeros add to a sum of magnitudes?",
    )


@_exercise("features-odd", read="The same network in torchvision")
def _odd(up: Any, down: Any, uncovered: Any) -> None:
    from fusionlib.vgg.layers import PAPER_LAYERS, map_shape

    for sides, pooling in ((up, "ceil"), (down, "floor")):
        right = [map_shape(101, 101, name, pooling)[0] for name in PAPER_LAYERS[1:]]
        _expect(
            _numbers(sides) == right,
            f"Halve 101 three times, and round "
            f"{'up' if pooling == 'ceil' else 'down'} each time.",
        )
    _near(uncovered, 101 - 8 * right[-1], 0, "A sample of relu4_1 covers 8 pixels.")


# Chapter 3


@_exercise("activity-norms", read="One number for each place")
def _norms(l2: Any, largest: Any, phi: Any) -> None:
    size = np.abs(np.asarray(phi, float)[:, 2:-2, 2:-2])
    _alike(
        l2,
        np.linalg.norm(size, axis=0),
        "`l2` is the root of the sum of the squares, over channels.",
    )
    _alike(largest, size.max(axis=0), "`largest` is one value for each place.")


@_exercise("activity-radius", read="The mean over a block")
def _radius(r: Any, seen: Any) -> None:
    _whole(
        "activity-radius",
        r,
        "0513ba75d7978cd0",
        "A block has 2r + 1 samples on a side.",
    )
    names = ("relu1_1", "relu4_1")
    for name, pixels, digest in zip(
        names, seen, ("aafd9aa34c64bcfc", "6810bd1c6f888af0"), strict=True
    ):
        _whole(
            "activity-radius",
            pixels,
            digest,
            f"{name}: the samples at both ends "
            "of the block have a receptive field, too.",
        )


@_exercise("activity-order", read="The mean over a block")
def _activity_order(after: Any, before: Any, lost: Any, raw: Any) -> None:
    from fusionlib.activity import block_average, l1_norm

    _word(
        "activity-order",
        after,
        "a5c1dd0bc3b2890c",
        "After the ReLU no feature is negative. What is then the magnitude of a sum?",
    )
    _word(
        "activity-order",
        before,
        "b6553ce8f23f4f22",
        "Before the ReLU, what does the mean of +1 and −1 leave?",
    )
    first = block_average(l1_norm(raw)).sum()
    _near(
        lost,
        1 - np.abs(block_average(raw)).sum() / first,
        1e-3,
        "Compare the sums of both maps.",
    )


@_exercise("activity-equivariance", read="When the sources are not registered")
def _equivariance(activity: Any) -> None:
    maps = {pixels: np.asarray(_call(activity, pixels)) for pixels in (0, 4, 8)}
    _expect(
        maps[0].ndim == 2,
        "`activity` must return one map, without the axis of the sources.",
    )
    _expect(
        maps[8].shape[1] == maps[0].shape[1] - 1,
        "Without 8 columns of pixels, relu4_1 has one column less.",
    )
    inside = maps[0][5:-5, 6:-5]
    _expect(
        np.allclose(maps[8][5:-5, 5:-5], inside, rtol=1e-3),
        "Shifted by 8 pixels, the map should be the old one, shifted by one sample.",
    )
    _expect(
        not np.allclose(maps[4][5:-5, 5:-5][:, : inside.shape[1]], inside, rtol=1e-3),
        "Does `activity` use `pixels`?",
    )


# Chapter 4


@_exercise("weights-three", read="A share for each source")
def _weights_three(three: Any, total: Any) -> None:
    _expect(
        len(three.I) == 3 and np.array_equal(three.I[0], three.I[1]),
        "Fuse the infrared image, the infrared image again, and the visible image.",
    )
    right = float(three.W["relu1_1"][:2].sum(axis=0).mean())
    _near(total, right, 1e-3, "Add the shares of both copies, then take the mean.")


@_exercise("weights-temperature", read='"Soft-max" is a ratio')
def _temperature(T: Any, C_hat: Any) -> None:
    from scipy.special import softmax

    from fusionlib.weight_maps import weights_from_activity

    ratio = weights_from_activity(C_hat)[0]
    soft = softmax(C_hat / np.asarray(T, float), axis=0)[0]
    worst, largest = np.abs(soft - ratio).max(), np.abs(ratio - 0.5).max()
    _expect(
        worst < 0.02 * largest,
        f"The soft-max is off by up to {worst:.1e}, and "
        "the ratio differs from 1/2 by at most "
        f"{largest:.1e}. Compare the slopes; T may differ from place to place.",
    )


@_exercise("weights-silence", read="A share for each source")
def _silence(tiny: Any, silent: Any) -> None:
    from fusionlib.weight_maps import weights_from_activity

    activities = np.array([[[1e-12, 0.0]], [[0.0, 0.0]]])
    right = weights_from_activity(activities)[0, 0]
    _near(tiny, right[0], 1e-6, "Put both numbers into equation (7).")
    _near(silent, right[1], 1e-6, "The formula is 0/0. Ask the library.")


@_exercise("weights-odd", read="From samples back to pixels")
def _weights_odd(without: Any, cut: Any) -> None:
    _expect(cut.F.shape == (101, 101), "Cut both sources to 101×101 pixels.")
    _expect(cut.config.pooling == "floor", 'Fuse with `pooling="floor"`.')
    right = float(np.mean(cut.weight_map("relu4_1").sum(axis=0) == 0))
    _near(without, right, 1e-3, "Where is the sum of both weights zero?")


# Chapter 5


@_exercise("selection-subset", read="The largest wins")
def _subset(prediction: Any, fewer: Any, candidates: Any) -> None:
    from fusionlib.fusion import select

    _word(
        "selection-subset",
        prediction,
        "0c983f1b6e8e02c4",
        "Can the largest of two numbers exceed the largest of four, if the two "
        "are among the four?",
    )
    _alike(fewer, select(candidates[:2])[0], "Select from the first two candidates.")


@_exercise("selection-min", read="What the maximum does to dark detail")
def _min(smallest: Any, candidates: Any) -> None:
    _alike(
        smallest,
        candidates.min(axis=0),
        "What happens to the order of numbers when all change sign?",
    )


@_exercise("selection-same", read="Four candidates")
def _same(prediction: Any, twice: Any) -> None:
    _expect(
        len(twice.I) == 2 and np.array_equal(twice.I[0], twice.I[1]),
        "Fuse an image with itself.",
    )
    _word(
        "selection-same",
        prediction,
        "37cb24a0697f1d81",
        "Write equation (9) for two equal details and weights w and 1 − w.",
    )


@_exercise("selection-range", read="The fused image, honestly")
def _range(outside: Any, loud: Any) -> None:
    right = float(np.mean((loud.F < 0) | (loud.F > 1)))
    _near(outside, right, 1e-4, "Count pixels of `loud.F` below 0 or above 1.")


# Chapter 6


@_exercise("metrics-cheat", read="N_abf, pixel by pixel")
def _cheat(cheat: Any, unmasks: Any, sources: Any) -> None:
    from fusionlib import metrics

    found = metrics.n_abf(cheat, sources)
    _expect(
        found == 0,
        f"N_abf of this image is {found:.5f}. Artifacts are gradients "
        "that no source has: which image has none?",
    )
    metric = metrics.METRICS[unmasks]
    mean = np.clip(np.mean(sources, axis=0), 0, 1)
    worse = metric(cheat, sources) - metric(mean, sources)
    _expect(
        worse < 0 if metric.direction == "higher" else worse > 0,
        f"By {unmasks} your image is at least as good as the mean.",
    )


@_exercise("metrics-units", read="The trap list")
def _units(factor: Any) -> None:
    _value(
        "metrics-units",
        factor,
        "e575df335f8bdf35",
        0.002,
        "Logarithms have a base, and a value for two sources can be a sum or a mean.",
    )


@_exercise("metrics-order", read="FMI: little windows as distributions")
def _metrics_order(changes: Any, turn: Any, mean: Any, sources: Any) -> None:
    from fusionlib.metrics import fmi_pixel

    _word(
        "metrics-order",
        changes,
        "658a463a0a37f928",
        "Compute the three for all images transposed.",
    )
    turned = np.asarray(_call(turn, mean))
    _expect(
        turned.shape != np.shape(mean) or not np.array_equal(turned, mean),
        "`turn` must move the pixels.",
    )
    gap = fmi_pixel(turned, [turn(s) for s in sources]) - fmi_pixel(mean, sources)
    _expect(
        abs(gap) < 1e-9,
        f"FMI_pixel changes by {gap:.1e}. Which turn keeps the "
        "columns of a window columns?",
    )


# Chapter 7


@_exercise("reproduction-maximum", read="Compared with what?")
def _maximum(steeper: Any, alone: Any, infrared: Any, visible: Any) -> None:
    slope, first, second = (
        np.hypot(*np.gradient(image))
        for image in (np.maximum(infrared, visible), infrared, visible)
    )
    right = float(np.mean(slope > np.maximum(first, second)))
    _near(
        steeper,
        right,
        1e-4,
        "Compare the slope of the maximum with the larger of "
        "the slopes of the sources, and take the mean of the mask.",
    )
    _word(
        "reproduction-maximum",
        alone,
        "9298aeb418f62720",
        "Where one source is larger all around, the maximum is that source.",
    )


@_exercise("reproduction-constant", read="Five rivals and five simple rules")
def _constant(back: Any) -> None:
    _word(
        "reproduction-constant",
        back,
        "9decf4b61fbd5c16",
        "Compare each result with `busy`.",
    )


@_exercise("reproduction-order", read="Five rivals and five simple rules")
def _reproduction_order(by_wls: Any, by_cbf: Any, infrared: Any, visible: Any) -> None:
    from fusionlib.baselines import cbf, wls

    for rule, answer in ((wls, by_wls), (cbf, by_cbf)):
        gap = np.subtract(rule([infrared, visible]), rule([visible, infrared]))
        _near(
            answer,
            255 * np.abs(gap).max(),
            0.06,
            f"This is about {rule.__name__}; "
            "the largest difference, in grey levels of 255.",
        )


# Chapter 8


@_exercise("ablation-mean", read="How far from the mean?")
def _ablation_mean(published: Any, exact: Any, ablation: Any) -> None:
    for wins, column in ((published, "N_abf"), (exact, "N_abf_exact")):
        mean, paper = (ablation.values(name, column) for name in ("mean", "paper"))
        _near(wins, int((mean < paper).sum()), 0, f"This is about {column}.")


@_exercise("ablation-twice", read="Trained, random, or two fixed filters?")
def _ablation_twice(enough: Any, effect: Any, ablation: Any) -> None:
    names = "scale 255", "seeded, scale 255", "Q_abf_kumar"
    right = ablation.effect(*names, ablation.real_pairs[:7])
    _near(
        effect.mean,
        right.mean,
        1e-9,
        "Compare `scale 255` with `seeded, scale 255` on the first seven pairs.",
    )
    _word(
        "ablation-twice",
        enough,
        "f1c1cbd7d58c2a9d",
        "Does the interval of the effect hold zero?",
    )


@_exercise("ablation-constant", read="Biases and the scale of the input")
def _ablation_constant(share: Any, maps: Any) -> None:
    _value(
        "ablation-constant",
        share,
        "230b4ec09f7d950f",
        0.01,
        "Equal inputs have equal activities.",
    )
    for activity in maps.values():
        _expect(
            len(activity) == 2 and np.allclose(activity[0], activity[1], rtol=1e-4),
            "`maps` must come from `same`: two equal contents.",
        )


# Chapter 9


@_exercise("tasks-three-planes", read="Multi-focus: sharp here or sharp there")
def _planes(value: Any, fused: Any, three: Any) -> None:
    from .simulated import score

    _expect(len(fused.I) == 3, "Fuse all of `three.sources`.")
    _expect(fused.config.input_scale == 255, "Fuse with `config=selective`.")
    _near(
        value,
        score(fused.image, three.truth)["PSNR"],
        0.02,
        "Score `fused.image` against `three.truth`.",
    )


@_exercise("tasks-decide", read="Multi-focus: sharp here or sharp there")
def _decide(decided: Any, truth: Any, before: Any) -> None:
    from .simulated import score

    gain = score(decided, truth)["PSNR"] - float(before)
    _expect(
        gain >= 1,
        f"The gain is {gain:+.2f} dB. Take the whole detail of the "
        "source with the larger weight, and add it to the fused base.",
    )


@_exercise("tasks-blind", read="Misregistration: who notices?")
def _blind(half: Any, fallen: Any, rows: Any) -> None:
    amounts, truth, blind = (
        np.array([row[key] for row in rows]) for key in ("amount", "SSIM", "SSIM_a")
    )
    found = np.interp(0.5 * truth[0], truth[::-1], amounts[::-1])
    _near(half, found, 0.1, "Draw a line between the two measured shifts around it.")
    right = 1 - np.interp(found, amounts, blind) / blind[0]
    _near(fallen, right, 0.01, "This is about SSIM_a, relative to no shift.")


# Chapter 10


@_exercise("referee-groups", read="Which metrics measure the same thing?")
def _groups(places: Any) -> None:
    digests = {"coarse": "56d0921954997140", "fine": "db29ceb23c2820a9"}
    for (name, digest), place in zip(digests.items(), places, strict=True):
        _whole(
            "referee-groups",
            place,
            digest,
            f"The place by the {name} groups is "
            "another one. Take the mean within each group first, then over the "
            "groups.",
        )


@_exercise("referee-size", read="Two wrong roots")
def _size(rise: Any) -> None:
    _value(
        "referee-size",
        rise,
        "e3a683e5a87292eb",
        0.01,
        "Which power of the number of pixels is in the wrong RMSE?",
    )


@_exercise("referee-right", read="Two wrong roots")
def _right(rmse: Any, psnr: Any) -> None:
    _value(
        "referee-right",
        rmse,
        "968849a3eedf5868",
        0.2,
        "The wrong RMSE is the right one over the root of the number of pixels.",
    )
    _value(
        "referee-right",
        psnr,
        "86063895cceb83ae",
        0.1,
        "White is 255 in the formula of PSNR.",
    )


# Chapter 11


@_exercise("onestep-gain", read="Weights for the detail")
def _gain(allowed: Any, artifacts: Any, limit: Any) -> None:
    _expect(len(artifacts) == 6, "Measure all six gains.")
    right = max(gain for gain, n in artifacts.items() if n <= limit)
    _near(allowed, right, 1e-6, "Take the largest gain that is still within the limit.")


@_exercise("onestep-order", read="Weights for the bases")
def _onestep_order(order: Any, total: Any, W_b: Any) -> None:
    _expect(len(W_b) == 3, "`W_b` must hold the weights of three sources.")
    _near(total, float(np.mean(np.sum(W_b, axis=0))), 1e-6, "Each weight is a share.")
    _word(
        "onestep-order",
        order,
        "688c7ff5b22837b1",
        "Weigh the sources in another order.",
    )


@_exercise("onestep-rule", read="How it was chosen")
def _rule(calmest: Any, rows: Any) -> None:
    kept = calmest["target"] >= 0.65 and calmest["texture"] >= 0.9
    _expect(kept, "This row keeps too little of targets or texture.")
    calmer = [
        row
        for row in rows
        if row["target"] >= 0.65 and row["texture"] >= 0.9
        if row["N_abf"] < calmest["N_abf"]
    ]
    _expect(not calmer, f"{len(calmer)} more rows that keep both are calmer.")


# Chapter 12


@_exercise("style-count", read="Two numbers for each map")
def _style_count(values: Any, entries: Any, numbers: Any) -> None:
    for value, digest, hint in (
        (values, "3814b8ccab952fce", "relu4_1 has a sample for each 8 pixels."),
        (entries, "879c455bd2d4882c", "The matrix is symmetric; count its diagonal."),
        (numbers, "3bd727d3a1ddbc42", "Which two numbers of each map are used?"),
    ):
        _whole("style-count", value, digest, hint)


@_exercise("style-diagonal", read="Two numbers for each map")
def _style_diagonal(diagonal: Any, back: Any) -> None:
    maps = np.random.RandomState(0).rand(5, 40)
    _alike(
        _call(diagonal, maps.mean(axis=1), maps.std(axis=1)),
        (maps**2).mean(axis=1),
        "An entry of the diagonal is the mean of the square of one map. How is the "
        "variance computed from it?",
    )
    _word(
        "style-diagonal",
        back,
        "c19e2faeb187a204",
        "Look for two maps of other means whose squares have the same mean.",
    )


@_exercise("style-mirror", read="Texture without places")
def _style_mirror(changes: Any, change: Any, mirrored: Any, phi: Any) -> None:
    from .style import distance, gram

    _expect(
        mirrored.shape == phi.shape and not np.allclose(mirrored, phi),
        "`mirrored` must be what `read` gives for the mirrored style.",
    )
    right = float(distance(gram(mirrored), gram(phi)))
    _near(change, right, 0.01 * right, "Compare both Gram matrices by `distance`.")
    _word(
        "style-mirror",
        changes,
        "be4b6fb57535faaf",
        "Is a kernel its own mirror image?",
    )


@_exercise("style-constraint", read="From target to measure")
def _style_constraint(target: Any, history: Any, first: Any, second: Any) -> None:
    maps = np.asarray(first), np.asarray(second)
    larger = np.abs(maps[0]).sum(axis=0) > np.abs(maps[1]).sum(axis=0)
    _alike(
        target,
        np.where(larger, *maps),
        "At each place, all maps come from the source with the larger sum of "
        "magnitudes there.",
    )
    _expect(
        min(history) < history[0] / 2,
        "The search has not halved the loss; does it compare with `target`?",
    )


# Chapter 13


@_exercise("history-rule", read="Transforms, and one rule")
def _history_rule(largest: Any) -> None:
    bands = np.random.RandomState(0).standard_normal((3, 4, 5))
    winner = np.abs(bands).argmax(axis=0)
    right = np.take_along_axis(bands, winner[None], axis=0)[0]
    found = _call(largest, bands.copy())
    unsigned = np.shape(found) == right.shape and any(
        np.allclose(found, other) for other in (np.abs(right), bands.max(axis=0))
    )
    _expect(
        not unsigned, "Dark details count, too: compare magnitudes, and keep the sign."
    )
    _alike(found, right, "At each place, one of the K values must come out.")


@_exercise("history-target", read="The places, and what they are worth")
def _history_target(name: Any, means: Any, columns: Any) -> None:
    texture, target = (list(columns).index(c) for c in ("texture", "target"))
    _expect(name in means, f"{name!r} is no method of the table.")
    _expect(means[name][texture] >= 0.9, f"{name} keeps less than 0.9 of the texture.")
    better = [
        other
        for other, values in means.items()
        if values[texture] >= 0.9 and values[target] > means[name][target]
    ]
    _expect(not better, f"{len(better)} methods with as much texture keep more of it.")


@_exercise("history-pool", read="The places, and what they are worth")
def _history_pool(without: Any, two: Any, values: Any, metrics: Any) -> None:
    from .history import mean_ranks

    first, second = two
    right = set()
    for name in values.keys() - {first, second}:
        fewer = {other: v for other, v in values.items() if other != name}
        ranks = mean_ranks(fewer, metrics)
        if ranks[second] < ranks[first] - 1e-9:
            right.add(name)
    given = set(without)
    _expect(given <= values.keys() - {first, second}, "Leave out other methods.")
    wrong = min(given - right, default="")
    _expect(not wrong, f"Without {wrong} the two stay in their order.")
    _expect(given == right, f"There are {len(right - given)} more such methods.")
