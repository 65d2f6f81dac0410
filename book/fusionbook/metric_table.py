"""The table of all metrics that opens their chapter, and images that fool them.

What a metric asks and what it does not see is teaching, so it stands here and not in
the library; names, ranges and directions come from its register.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.random import RandomState

from fusionlib.baselines import laplacian
from fusionlib.images.io import to_uint8
from fusionlib.images.validation import Image
from fusionlib.metrics import METRICS, Metric

from . import book_build

__all__ = ["FACTS", "Fact", "fooled", "fooling_images", "metric_table", "term"]


@dataclass(frozen=True)
class Fact:
    """What the register does not say about a metric.

    Attributes
    ----------
    question : str
        What it asks.
    formula : str
        TeX, with F the fused image and I_k the sources.
    blind : str
        What it does not see.
    fooled : tuple of str
        Two names of :func:`fooling_images`: the first scores as well as the second or
        better, though it is the worse picture.
    """

    question: str
    formula: str
    blind: str
    fooled: tuple[str, str]


_COPY, _VISIBLE = ("copy of the infrared", "mean"), ("copy of the visible", "mean")
_NOISE, _DARK = ("noise", "mean"), ("half the light", "mean")
_FLAT, _NEAR = ("constant", "mean"), ("mean", "pyramid")
_FMI = r"\mathrm{mean}_{w,k}\, \frac{2\,(H_F + H_k - H_{Fk})}{H_F + H_k}"
_ONE = "the other source: a copy of one scores high"


def _fmi(of: str, blind: str = _ONE, fooled: tuple[str, str] = _COPY) -> Fact:
    return Fact(f"Are the {of} of the sources found again?", _FMI, blind, fooled)


FACTS: Mapping[str, Fact] = {
    "FMI_dct": _fmi("DCT coefficients, in 3×3 windows,"),
    "FMI_w": _fmi("wavelet coefficients, in 3×3 windows,"),
    "SSIM_a": Fact(
        "How alike in brightness, contrast and structure are F and each source?",
        r"\frac12 \sum_k \mathrm{SSIM}(F, I_k)",
        "lost contrast: the mean scores higher than a Laplacian pyramid",
        _NEAR,
    ),
    "N_abf": Fact(
        "How many edges does F have that no source has?",
        r"\frac{\sum_{p:\, g_F > g_1, g_2} \sum_k (1 - Q^{kF}) w_k}{\sum_p \sum_k w_k}",
        "what is missing: a constant scores 0",
        _FLAT,
    ),
    "Q_abf_kumar": Fact(
        "How many edges are kept, if a pixel of sky counts like an edge?",
        r"\frac{\sum_p \sum_k Q^{kF} w_k}{\sum_p \sum_k w_k}",
        "the other source; strength, as all pixels weigh the same",
        _COPY,
    ),
    "L_abf": Fact(
        "How many edges are lost?",
        r"1 - Q_{abf}^{\mathrm{Kumar}} - N_{abf}",
        "edges that noise destroys: they count as artifacts",
        _NOISE,
    ),
    "Q_abf": Fact(
        "How many edges are kept, the strong ones counting more?",
        r"\frac{\sum_p \sum_k Q^{kF} g_k}{\sum_p \sum_k g_k}",
        "the source with the weaker edges",
        _VISIBLE,
    ),
    "EI": Fact(
        "How strong are the edges of F?",
        r"\mathrm{mean}_p\, 8 g_F",
        "where edges come from: noise raises it",
        _NOISE,
    ),
    "Q_P": Fact(
        "Are the features found again, whatever their contrast?",
        r"\prod_{m=1}^{3} \mathrm{mean}_p \max_k r(F_m, I_{k,m})",
        "contrast; a constant image scores nearly 1",
        _FLAT,
    ),
    "FMI_pixel": _fmi("grey values, in 3×3 windows,"),
    "FMI_gradient": _fmi("gradients, in 3×3 windows,"),
    "FMI_edge": _fmi(
        "edges, in 3×3 windows,",
        "most of the image: windows without an edge count 1",
    ),
    "MS_SSIM": Fact(
        "Does F have the structure and the best contrast of the sources?",
        r"\prod_{j=1}^{3} \mathrm{mean}_w \left(\frac{2 \sigma_{\hat I F} + c}"
        r"{\sigma_{\hat I}^2 + \sigma_F^2 + c}\right)^{\beta_j}",
        "brightness",
        ("too bright", "mean"),
    ),
    "SSIM": Fact(
        "As SSIM_a, but summed and without a border",
        r"\sum_k \mathrm{SSIM}(F, I_k)",
        "lost contrast, as SSIM_a",
        _NEAR,
    ),
    "Q": Fact(
        "How alike are F and, in each window, the source that varies more?",
        r"\mathrm{mean}_w \frac{\sum_k s_k \mathrm{SSIM}(F, I_k)}{\sum_k s_k}",
        "the source that varies less",
        _VISIBLE,
    ),
    "Q_W": Fact(
        "As Q, busy windows counting more",
        r"\sum_w c_w Q(w), \quad c_w \propto \max_k s_k(w)",
        "the source that varies less; calm areas",
        _VISIBLE,
    ),
    "Q_E": Fact(
        "As Q_W, of the images and of their edges",
        r"Q_W(F, I_k) \cdot Q_W(g_F, g_k)",
        "the source that varies less; calm areas",
        _VISIBLE,
    ),
    "Q_Y": Fact(
        "How alike are F and the source that is nearer, window by window?",
        r"\mathrm{mean}_w\, (Q(w) \text{ or } \max_k \mathrm{SSIM}(F, I_k))",
        _ONE,
        _COPY,
    ),
    "Q_CB": Fact(
        "Would an eye see the contrast of the sources in F?",
        r"\mathrm{mean}_p \frac{\sum_k C_k^2 \min(C_k, C_F) / \max(C_k, C_F)}"
        r"{\sum_k C_k^2}",
        "contrast of the whole image: it is stretched first",
        _DARK,
    ),
    "Q_CV": Fact(
        "How far is F from the sources at their strongest edges, for an eye?",
        r"\frac{\sum_{k,r} s_{kr} D_{kr}}{\sum_{k,r} s_{kr}}",
        "contrast of the whole image; all but a few edges",
        _DARK,
    ),
    "VIFF": Fact(
        "How much of the information of the sources would an eye get from F?",
        r"\sum_j \beta_j \frac{\sum_w "
        r"\log_2(1 + g^2 \sigma^2 / (\sigma_v^2 + \sigma_n^2))}"
        r"{\sum_w \log_2(1 + \sigma^2 / \sigma_n^2)}",
        "exaggeration: sharpening raises it",
        ("sharpened", "mean"),
    ),
    "VIF": Fact(
        "As VIFF, but for each source, and summed",
        r"\sum_k \mathrm{VIF}(F, I_k)",
        _ONE,
        _COPY,
    ),
    "EN": Fact(
        "How many grey levels does F use, and how evenly?",
        r"-\sum_g p_F(g) \log_2 p_F(g)",
        "the sources, and where pixels are: noise raises it",
        _NOISE,
    ),
    "MI": Fact(
        "How well can the grey level of a source be guessed from that of F?",
        r"\sum_k I(F; I_k)",
        "what grey means: a negative scores the same",
        ("negative", "mean"),
    ),
    "NMI": Fact(
        "As MI, in units of the entropies",
        r"\sum_k \frac{2 I(F; I_k)}{H(F) + H(I_k)}",
        "half of the contrast",
        _DARK,
    ),
    "CE": Fact(
        "How far is the histogram of F from those of the sources?",
        r"\frac12 \sum_k \sum_g p_k(g) \log_2 \frac{p_k(g)}{p_F(g)}",
        "where pixels are: shuffling them changes nothing",
        ("shuffled pixels", "mean"),
    ),
    "Q_NCIE": Fact(
        "How much do F and the sources have in common, all together?",
        r"1 + \sum_i \frac{v_i}{N} \log_{256} \frac{v_i}{N}",
        "nearly everything: its values hardly differ",
        _COPY,
    ),
    "Q_TE": Fact(
        "As MI, with the entropy of Tsallis",
        r"\frac{\sum_k I^q(F; I_k)}{\sum_k H^q(I_k) + I^q(I_1; I_2)}",
        _ONE,
        _COPY,
    ),
    "SD": Fact(
        "How far do the grey levels of F spread?",
        r"\sqrt{\mathrm{mean}_p (F - \bar F)^2}",
        "the sources, and where pixels are: noise raises it",
        _NOISE,
    ),
    "SF": Fact(
        "How different are neighbours in F?",
        r"\sqrt{\mathrm{mean}(\Delta_x F)^2 + \mathrm{mean}(\Delta_y F)^2}",
        "where differences come from: noise raises it",
        _NOISE,
    ),
    "AG": Fact(
        "How different are neighbours in F, on average?",
        r"\mathrm{mean} \sqrt{\tfrac12 \left((\Delta_x F)^2 + (\Delta_y F)^2\right)}",
        "where differences come from: noise raises it",
        _NOISE,
    ),
    "CC": Fact(
        "Is F light where the sources are light?",
        r"\frac12 \sum_k r(F, I_k)",
        "half of the contrast",
        _DARK,
    ),
    "SCD": Fact(
        "Is what F has beyond one source like the other one?",
        r"r(F - I_2, I_1) + r(F - I_1, I_2)",
        "exaggeration: sharpening raises it",
        ("sharpened", "mean"),
    ),
    "PSNR": Fact(
        "How near is F to both sources?",
        r"10 \log_{10} \frac{1}{\mathrm{MSE}}",
        "lost contrast: nothing is nearer than the mean",
        _NEAR,
    ),
    "RMSE": Fact(
        "How far is F from each source?",
        r"\frac12 \sum_k \sqrt{\mathrm{mean}_p (F - I_k)^2}",
        "whether one source is lost: a copy is level with the mean",
        _COPY,
    ),
    "MSE": Fact(
        "How far is F from both sources?",
        r"\frac12 \sum_k \mathrm{mean}_p (F - I_k)^2",
        "lost contrast: nothing is nearer than the mean",
        _NEAR,
    ),
}


def fooling_images(infrared: Image, visible: Image) -> dict[str, Image]:
    """Return the mean of two sources, a pyramid, and images that are worse, by name.

    Parameters
    ----------
    infrared, visible : numpy.ndarray, shape (H, W)
        The sources, in [0, 1].

    Returns
    -------
    dict of str to numpy.ndarray, shape (H, W)
        All rounded to 8 bit, as files are.
    """
    random = RandomState(0)
    mean = (infrared + visible) / 2
    images = {
        "mean": mean,
        "pyramid": laplacian([infrared, visible]),
        "copy of the infrared": infrared,
        "copy of the visible": visible,
        "constant": np.full_like(mean, 0.5),
        "noise": mean + 0.05 * random.standard_normal(mean.shape),
        "half the light": mean / 2,
        "too bright": mean + 0.1,
        "negative": 1 - to_uint8(mean) / 255,
        "sharpened": 2 * mean - scipy.ndimage.gaussian_filter(mean, 2),
        "shuffled pixels": random.permutation(mean.ravel()).reshape(mean.shape),
    }
    return {name: to_uint8(image) / 255 for name, image in images.items()}


def term(name: str) -> str:
    """Return the name of a metric, in the book as a link to the glossary."""
    return f"{{term}}`{name}`" if book_build() else f"`{name}`"


def _range(metric: Metric) -> str:
    """Return range and direction in words."""
    low, high = ("∞" if np.isinf(v) else f"{v:.4g}" for v in map(abs, metric.range))
    low = f"−{low}" if metric.range[0] < 0 else low
    return f"{low} … {high}, {metric.direction}"


def metric_table(names: Sequence[str] = tuple(METRICS)) -> Any:
    """Return the table of metrics: question, range, direction, formula, blind spot.

    Parameters
    ----------
    names : sequence of str, optional
        Which metrics; all by default.

    Returns
    -------
    IPython.display.Markdown
    """
    from IPython.display import Markdown

    head = [
        "Metric, range, better",
        "The question it asks, and its formula",
        "Blind to",
    ]
    rows = [
        [
            f"{term(name)} ${METRICS[name].symbol}$<br>{_range(METRICS[name])}",
            f"{FACTS[name].question}<br>${FACTS[name].formula}$",
            FACTS[name].blind,
        ]
        for name in names
    ]
    lines = [head, ["---"] * len(head), *rows]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def fooled(sources: Sequence[Image]) -> list[tuple[str, str, str, float, float]]:
    """Return for each metric an image that fools it, and one that it should prefer.

    Parameters
    ----------
    sources : sequence of numpy.ndarray, shape (H, W)
        Infrared and visible image.

    Returns
    -------
    list of tuple
        Metric, worse image, better image, and the values of the two.
    """
    images = fooling_images(*sources)
    found = []
    for name, fact in FACTS.items():
        worse, better = fact.fooled
        first, second = (METRICS[name](images[one], sources) for one in fact.fooled)
        found.append((name, worse, better, first, second))
    return found
