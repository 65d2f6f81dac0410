"""The transforms of the multi-scale methods: no loss, and what each promises."""

from __future__ import annotations

import numpy as np
import pytest
import pywt
import scipy.ndimage

from fusionlib.baselines import METHODS
from fusionlib.baselines._directional import (
    atrous,
    directional_transform,
    meyer,
    wedges,
    windows,
)
from fusionlib.baselines._dual_tree import dual_tree, from_complex, to_complex
from fusionlib.baselines._dwt import stationary_transform, wavelet_transform
from fusionlib.baselines._laplacian import laplacian_pyramid
from fusionlib.baselines._multiscale import Transform, choose_largest, fuse_bands

#: By name: the transform of images of a shape.
TRANSFORMS = {
    "laplacian": lambda shape: laplacian_pyramid(4),
    "dwt": lambda shape: wavelet_transform(shape, "db2", 4),
    "dwt, long": lambda shape: wavelet_transform(shape, "sym8", 3),
    "swt": lambda shape: stationary_transform(shape, "db2", 4),
    "swt, long": lambda shape: stationary_transform(shape, "sym8", 2),
    "dtcwt": lambda shape: dual_tree(shape, 4, to_complex, from_complex),
    "qwt": lambda shape: dual_tree(shape, 4),
    "nsct": lambda shape: directional_transform(shape, atrous, (4, 8, 8, 16)),
    "nsst": lambda shape: directional_transform(shape, meyer, (4, 3, 16)),
}

SHAPES = [(1, 1), (1, 9), (7, 1), (2, 3), (16, 16), (17, 31), (45, 38)]


def texture(shape, seed=0):
    return np.random.default_rng(seed).uniform(size=shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_perfect_reconstruction(name, shape):
    analyse, synthesise = TRANSFORMS[name](shape)
    image = texture(shape)
    again = synthesise(analyse(image))
    assert again.shape == shape
    np.testing.assert_allclose(again, image, atol=1e-10)


@pytest.mark.parametrize("shape", [(35, 31), (32, 40)])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_constant_has_no_detail(name, shape):
    low, *details = TRANSFORMS[name](shape).analyse(np.full(shape, 0.7))
    assert details
    assert max(np.abs(detail).max() for detail in details) < 1e-10
    np.testing.assert_allclose(low, low.flat[0], atol=1e-10)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_analysis_is_linear(name):
    transform = TRANSFORMS[name]((19, 26))
    first, second = texture((2, 19, 26))
    both = zip(*map(transform.analyse, (first, second)), strict=True)
    for mixed, (one, two) in zip(
        transform.analyse(2 * first - 3 * second), both, strict=True
    ):
        np.testing.assert_allclose(mixed, 2 * one - 3 * two, atol=1e-9)


def scene(place, seed):
    """A textured square on a flat ground, which the mirror at the border continues."""
    image = np.full((140, 150), 0.5)
    y, x = place
    image[y : y + 30, x : x + 26] += 0.8 * (texture((30, 26), seed) - 0.5)
    return image


def moved(name, step=(3, 5)):
    """Return how far fusing and moving depend on their order, root mean square."""
    fused = METHODS[name].function([scene((52, 56), seed) for seed in (1, 2)])
    place = (52 + step[0], 56 + step[1])
    other = METHODS[name].function([scene(place, seed) for seed in (1, 2)])
    # Without the border, over which roll carries what moves out.
    difference = (np.roll(fused, step, (0, 1)) - other)[8:-8, 8:-8]
    return np.sqrt(np.mean(difference**2))


@pytest.mark.parametrize("name", ["swt", "nsct", "nsst"])
def test_without_subsampling_the_result_moves_with_the_sources(name):
    assert moved(name) < 1e-9


@pytest.mark.parametrize("name", ["dtcwt", "qwt"])
def test_two_trees_depend_less_on_the_place_than_one(name):
    assert 0.01 < moved(name) < 0.7 * moved("dwt")


@pytest.mark.parametrize(
    ("transform", "margin"),
    [
        (stationary_transform((64, 90), "db2", 3), 21),
        (directional_transform((64, 90), atrous, (4, 8, 8)), 16),
        (directional_transform((64, 90), meyer, (4, 8, 8)), 16),
    ],
)
def test_opposite_edges_stay_apart(transform, margin):
    flat = np.full((64, 90), 0.2)
    bright = flat.copy()
    bright[:, :8] = 0.9
    bands = zip(*map(transform.analyse, (bright, flat)), strict=True)
    change = [np.abs(one - other) for one, other in bands]
    left, right = (
        max(c[margin : margin + 64, margin + x : margin + x + 10].max() for c in change)
        for x in (0, 80)
    )
    assert right < 0.02 * left


def test_the_rule_averages_the_low_band_and_keeps_the_largest_detail():
    transform = Transform(
        lambda image: [image[0], image[1], 1j * image[2]],
        lambda bands: np.stack([np.abs(band) for band in bands]),
    )
    sources = [
        np.array([[0.0, 4.0], [1.0, -5.0], [-2.0, 2.0]]),
        np.array([[1.0, 2.0], [-3.0, 4.0], [1.0, -2.5]]),
    ]
    np.testing.assert_array_equal(
        fuse_bands(sources, transform), [[0.5, 3.0], [3.0, 5.0], [2.0, 2.5]]
    )
    brighter = fuse_bands(sources, transform, low=lambda planes: np.max(planes, axis=0))
    np.testing.assert_array_equal(brighter, [[1.0, 4.0], [3.0, 5.0], [2.0, 2.5]])


def test_largest_of_complex_numbers_and_of_quaternions():
    planes = [np.array([[3 + 4j, 1j]]), np.array([[4 - 2j, -2.0]])]
    np.testing.assert_array_equal(choose_largest(planes), [[3 + 4j, -2]])
    # The four parts of a quaternion are kept together: norms 2 and 3.
    quaternions = np.array([[1.0, 1, 1, 1], [0, 3, 0, 0]])[..., None, None]
    np.testing.assert_array_equal(choose_largest(quaternions), quaternions[1])


def test_complex_coefficients_can_be_undone_and_keep_the_norm():
    four = texture((4, 5, 6)) - 0.5
    plus, minus = to_complex(four)
    np.testing.assert_allclose(from_complex(plus, minus), four, atol=1e-15)
    energy = np.abs(plus) ** 2 + np.abs(minus) ** 2
    np.testing.assert_allclose(energy, (four**2).sum(axis=0), atol=1e-14)


@pytest.mark.parametrize("level", [2, 3, 4])
def test_the_two_trees_are_close_to_a_hilbert_pair(level):
    """psi_a + i psi_b has hardly any negative frequencies."""
    transform = dual_tree((128, 128), level)
    bands = [np.zeros_like(b) for b in transform.analyse(np.zeros((128, 128)))]
    profiles = []
    for tree in (0, 2):  # aa and ba: the trees of the columns
        band = np.zeros_like(bands[1])
        band[tree, band.shape[1] // 2, band.shape[2] // 2] = 1
        image = transform.synthesise([bands[0], band, *bands[2:]])
        profiles.append(image.sum(axis=1))
    energy = np.abs(np.fft.fft(profiles[0] + 1j * profiles[1])) ** 2
    halves = energy[1:64].sum(), energy[65:].sum()
    assert min(halves) < 0.01 * max(halves)


def grating(slant):
    """Stripes of period 8 whose wave vector has this angle in degrees."""
    y, x = np.mgrid[:128, :128]
    angle = np.deg2rad(slant)
    phase = 2 * np.pi / 8 * (np.cos(angle) * y + np.sin(angle) * x)
    return 0.5 + 0.4 * np.cos(phase)


def energies(transform, image):
    """Return the energy of each detail band, away from the border."""
    details = list(transform.analyse(image))[1:]
    inner = [d[..., d.shape[-2] // 4 : -(d.shape[-2] // 4), :] for d in details]
    inner = [d[..., d.shape[-1] // 4 : -(d.shape[-1] // 4)] for d in inner]
    return np.array([(np.abs(d) ** 2).sum() for d in inner])


@pytest.mark.parametrize("name", ["dtcwt", "nsct", "nsst"])
def test_the_two_diagonals_are_told_apart(name):
    transform = TRANSFORMS[name]((128, 128))
    rising = energies(transform, grating(45))
    falling = energies(transform, grating(-45))
    # What one diagonal puts into its own bands the other one does not.
    own = rising > falling
    assert rising[own].sum() > 0.95 * rising.sum()
    assert falling[own].sum() < 0.05 * falling.sum()


def test_a_wavelet_mixes_the_diagonals():
    transform = TRANSFORMS["dwt"]((128, 128))
    rising, falling = (energies(transform, grating(a)) for a in (45, -45))
    np.testing.assert_allclose(rising, falling, rtol=0.05, atol=0.01 * rising.sum())


@pytest.mark.parametrize("lowpass", [atrous, meyer])
@pytest.mark.parametrize("shape", [(9, 12), (20, 15)])
def test_windows_add_up_to_one(lowpass, shape):
    bank = list(windows(shape, lowpass, (2, 4, 7)))
    assert len(bank) == 1 + 2 + 4 + 7
    np.testing.assert_allclose(sum(bank), 1, atol=1e-12)
    assert all(window.min() > -1e-12 for window in bank)


def test_wedges_are_centred_on_their_slopes():
    # Four wedges: slopes v/u = -1/2, 1/2, and u/v = 1/2, -1/2.
    points = np.array([[2.0, -1], [2, 1], [1, 2], [-1, 2], [-2, -1]])
    values = [list(wedges(u, v, 4)) for u, v in points]
    np.testing.assert_allclose(values[:4], np.eye(4), atol=1e-12)
    # Opposite frequencies have the same direction.
    np.testing.assert_allclose(values[4], values[1], atol=1e-12)
    # Halfway between two wedges each has one half.
    np.testing.assert_allclose(list(wedges(1.0, 0.0, 4)), [0.5, 0.5, 0, 0], atol=1e-12)


def test_the_pyramid_is_the_filter_with_holes():
    image = texture((40, 44))
    low = next(iter(directional_transform((40, 44), atrous, (2, 2)).analyse(image)))
    kernel = np.array([1.0, 4, 6, 4, 1]) / 16
    wide = np.zeros(9)
    wide[::2] = kernel
    expected = image
    for taps in (kernel, wide):
        for axis in (0, 1):
            expected = scipy.ndimage.correlate1d(expected, taps, axis, mode="reflect")
    np.testing.assert_allclose(low[8:48, 8:52], expected, atol=1e-12)


def test_the_stationary_transform_holds_the_subsampled_one():
    image = texture((32, 32))
    low, *_ = stationary_transform((32, 32), "haar", 1).analyse(image)
    expected, _ = pywt.dwt2(image, "haar")
    np.testing.assert_allclose(low[1:33:2, 1:33:2], expected, atol=1e-12)
