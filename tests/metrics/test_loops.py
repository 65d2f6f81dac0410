"""The fast metrics against loops over the same formulas, on random crops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fusionlib import metrics
from fusionlib.metrics import meyer_filter
from fusionlib.metrics._fmi import features

from ..support import metrics_loops as loops
from ..support import toolbox_loops
from .conftest import BOTH, each


def crop(seed: int, height: int = 17, width: int = 22, count: int = 2):
    """8-bit crops with texture, a flat part and a saturated part."""
    rng = np.random.RandomState(seed)
    images = []
    for _ in range(count):
        smooth = gaussian_filter(rng.rand(height, width), 1.5)
        smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
        images.append(np.clip(1.4 * smooth - 0.1, 0, 1))
    common = slice(0, height // 3), slice(0, width // 2)
    for image in images:
        image[common] = 0.4
    fused = np.mean(images, axis=0) + 0.02 * rng.randn(height, width)
    fused[common] = 0.4
    levels = [
        np.rint(255 * np.clip(x, 0, 1)).astype(np.uint8) for x in (fused, *images)
    ]
    return levels[0], levels[1:]


def as_floats(fused, sources):
    return fused / 255, [s / 255 for s in sources]


#: Metrics of small images whose twin is a function of the same name.
SIMPLE = [
    name
    for name, metric in metrics.METRICS.items()
    if metric.smallest <= 2
    and hasattr(loops, metric.function.__name__)
    and not hasattr(toolbox_loops, metric.function.__name__)
]

#: Metrics whose twin takes the convention. The loops of some are slow.
OF_TOOLBOXES = {
    name: metric
    for name, metric in metrics.METRICS.items()
    if hasattr(toolbox_loops, metric.function.__name__)
}


def test_most_metrics_have_a_twin_of_their_name():
    assert set(SIMPLE) == {"EN", "NMI", "CC", "SCD"}
    assert set(OF_TOOLBOXES) == {
        "CE", "MI", "PSNR", "AG", "EI", "Q_abf", "SD", "SF", "RMSE", "MSE", "SSIM",
        "Q_CB", "Q_CV", "Q", "Q_W", "Q_E", "Q_Y", "Q_NCIE", "Q_TE", "Q_P", "VIF",
    }  # fmt: skip


@each(OF_TOOLBOXES)
def test_metrics_of_toolboxes(name, convention):
    """A constant part, a bright one, odd sizes, and three sources for some."""
    metric = metrics.METRICS[name]
    size = (41, 44) if name == "VIF" else (17, 22)
    fused, sources = as_floats(*crop(1, *size, count=2 if name == "VIF" else 3))
    loop = getattr(toolbox_loops, metric.function.__name__)
    ours = metric(fused, sources, convention=convention)
    assert ours == pytest.approx(loop(fused, sources, convention), abs=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
@each(SIMPLE)
def test_simple_metrics(name, convention, seed):
    metric = metrics.METRICS[name]
    loop = getattr(loops, metric.function.__name__)
    fused, sources = as_floats(*crop(seed, count=2 + seed % 2))
    ours = metric(fused, sources, convention=convention)
    assert ours == pytest.approx(loop(fused, sources), abs=1e-10)


@BOTH
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("feature", ["pixel", "gradient", "dct"])
def test_fmi(feature, seed, convention):
    fused, sources = as_floats(*crop(seed, count=2 + seed % 2))
    images = [fused, *sources]
    if feature == "gradient" and convention == "published":
        # equal differences can differ by a rounding error: see the exact one
        planes = [features(x, "gradient") for x in images]
    elif feature == "gradient":
        planes = [loops.gradient(np.rint(255 * x)) for x in images]
    else:
        extract = {"pixel": np.asarray, "dct": loops.dct}
        planes = [extract[feature](x) for x in images]
    ours = metrics.fmi(fused, sources, feature=feature, convention=convention)
    expected = loops.fmi_features(planes[0], planes[1:])
    assert ours == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("seed", [1, 2])
def test_fmi_edge(seed):
    levels, source_levels = crop(seed)
    fused, sources = as_floats(levels, source_levels)
    planes = [loops.edges(x) for x in (levels, *source_levels)]
    np.testing.assert_array_equal(
        features(fused, "edge", convention="exact"), planes[0]
    )
    expected = loops.fmi_features(planes[0], planes[1:])
    ours = metrics.fmi_edge(fused, sources, convention="exact")
    assert ours == pytest.approx(expected, abs=1e-10)


def test_fmi_w():
    fused, sources = as_floats(*crop(4, 12, 15))
    taps = loops.meyer_taps()
    np.testing.assert_allclose(meyer_filter(), taps, rtol=0, atol=1e-9)
    taps = meyer_filter().tolist()
    planes = [loops.wavelet(x, taps) for x in (fused, *sources)]
    np.testing.assert_allclose(features(fused, "wavelet"), planes[0], atol=1e-13)
    # the tiles are large and the loops slow: some of the windows
    rng = np.random.RandomState(0)
    height, width = (n - 2 for n in planes[0].shape)
    places = list(
        zip(*(rng.randint(n, size=300) for n in (height, width)), strict=True)
    )
    for convention, tolerance in (("published", 1e-10), ("exact", 1e-6)):
        windows = metrics.fmi_map(
            fused, sources, feature="wavelet", convention=convention
        )
        assert metrics.fmi_w(fused, sources, convention=convention) == windows.mean()
        for r, c in places:
            block = slice(r, r + 3), slice(c, c + 3)
            expected = loops.fmi_features(
                planes[0][block], [p[block] for p in planes[1:]]
            )
            assert windows[r, c] == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_edge_preservation(seed):
    levels, source_levels = crop(seed, count=2 + seed % 2)
    fused, sources = as_floats(levels, source_levels)
    ours = metrics.edge_preservation(fused, sources)
    expected = loops.edge_preservation(fused, sources)
    assert (ours.q_abf_kumar, ours.l_abf, ours.n_abf) == pytest.approx(
        expected, abs=1e-10
    )
    ours = metrics.edge_preservation(fused, sources, convention="exact")
    expected = loops.edge_preservation(levels, source_levels, integers=True)
    assert (ours.q_abf_kumar, ours.l_abf, ours.n_abf) == pytest.approx(
        expected, abs=1e-10
    )


def test_strong_edges_weigh_by_their_strength(monkeypatch):
    """No gradient in [0, 1] reaches the threshold; a lower one shows the weights."""
    fused, sources = as_floats(*crop(5))
    monkeypatch.setattr("fusionlib.metrics._gradient.STRONG_EDGE", 0.05)
    ours = metrics.edge_preservation(fused, sources)
    expected = loops.edge_preservation(fused, sources, strong=0.05)
    assert (ours.q_abf_kumar, ours.l_abf, ours.n_abf) == pytest.approx(
        expected, abs=1e-10
    )
    assert abs(ours.q_abf_kumar - loops.edge_preservation(fused, sources)[0]) > 1e-3


@pytest.mark.parametrize("seed", [1, 2])
def test_ssim_a(seed):
    fused, sources = as_floats(*crop(seed))
    expected = np.mean([loops.ssim(fused, s) for s in sources])
    assert metrics.ssim_a(fused, sources) == pytest.approx(expected, abs=1e-10)


def test_ms_ssim():
    fused, sources = as_floats(*crop(6, 45, 50, count=3))
    assert metrics.ms_ssim(fused, sources) == pytest.approx(
        loops.ms_ssim(fused, sources), abs=1e-10
    )


@pytest.mark.parametrize("count", [2, 3])
def test_vif_fusion(count):
    fused, sources = as_floats(*crop(7, 42, 47, count=count))
    assert metrics.vif_fusion(fused, sources) == pytest.approx(
        loops.vif_fusion(fused, sources), abs=1e-10
    )
