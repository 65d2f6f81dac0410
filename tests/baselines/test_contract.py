"""What every registered method must do, whatever it computes."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fusionlib import baselines
from fusionlib._registry import CONVENTIONS
from fusionlib.baselines import METHODS, get_method, list_methods, registry
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.images.io import read_image, write_image

#: Methods quick enough for many random examples.
FAST = [name for name, method in METHODS.items() if method.seconds < 1]

SIZES = [(1, 1), (1, 9), (2, 3), (17, 31), (33, 18)]


def fuse(name, sources, **parameters):
    """Fuse as the method is defined, without what released programs do otherwise."""
    method = METHODS[name]
    if "exact" in method.conventions:
        parameters.setdefault("convention", "exact")
    return method.function(sources, **parameters)


def texture(shape, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 0.9, shape)


def smooth_texture(shape):
    """An image that few atoms can describe, as sparse methods assume."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    noise = np.random.default_rng(1).normal(scale=0.005, size=shape)
    return 0.5 + 0.2 * np.sin(0.5 * x) * np.cos(0.4 * y) + noise


def test_the_tables_start_with_the_methods_of_the_paper():
    names = list_methods()
    assert names[: len(baselines.PAPER_METHODS)] == list(baselines.PAPER_METHODS)
    years = [METHODS[name].year or 0 for name in names[len(baselines.PAPER_METHODS) :]]
    assert years == sorted(years)


@pytest.mark.parametrize("name", list_methods())
def test_description_is_complete(name):
    method = METHODS[name]
    assert method.name == name == method.function.__name__
    assert getattr(baselines, name) is method.function
    assert method.title
    assert method.reference
    assert method.year is None or 1980 <= method.year <= 2018
    assert method.seconds > 0
    assert method.status in registry.STATUS
    signature = inspect.signature(method.function).parameters
    assert list(signature) == ["sources", *method.parameters]
    assert method.takes_dictionary == ("dictionary" in signature)


@pytest.mark.parametrize("name", list_methods())
def test_every_parameter_is_documented(name):
    method = METHODS[name]
    doc = method.function.__doc__
    sections = re.findall(r"^(\w+)\n-+$", doc, flags=re.MULTILINE)
    assert sections[:3] == ["Parameters", "Returns", "Raises"]
    described = doc[doc.index("Parameters\n") : doc.index("Returns\n")]
    names = re.findall(r"^(\w+) : ", described, flags=re.MULTILINE)
    assert sorted(names) == sorted(["sources", *method.parameters])
    assert f"baselines.{name}`" in baselines.__doc__


@pytest.mark.parametrize("name", list_methods())
def test_the_published_convention_is_the_default(name):
    method = METHODS[name]
    assert ("convention" in method.parameters) == bool(method.conventions)
    if method.conventions:
        assert method.parameters["convention"] == next(iter(method.conventions))
        assert next(iter(method.conventions)) == next(iter(CONVENTIONS))
    assert set(method.conventions) <= set(CONVENTIONS)


@pytest.fixture
def median():
    """A method that only this test knows; it goes again."""

    def median(sources, *, gain: float = 1.0):
        """Return the pointwise median, times a gain.

        Parameters
        ----------
        gain : float, optional
            The gain.
        """
        return gain * np.median(sources, axis=0)

    yield registry.method("Median", "pointwise", 1990, seconds=0.01, status="exact")(
        median
    )
    del registry._METHODS["median"]


def test_a_decorator_is_all_that_a_method_needs(median, tmp_path, capsys):
    names = list_methods()
    assert names[names.index("median") - 1] == "laplacian"
    assert get_method("median").parameters == {"gain": 1.0}
    with pytest.raises(InputError, match="at least 2 images"):
        median([np.zeros((3, 3))])
    np.testing.assert_array_equal(median([np.ones((3, 3))] * 3, gain=2), 1)
    paths = [str(tmp_path / f"{k}.png") for k in range(4)]
    for path, level in zip(paths, (0, 51, 255), strict=False):
        write_image(path, np.full((4, 5), level / 255))
    assert main(["fuse", *paths[:3], "-o", paths[3], "--method", "median"]) == 0
    np.testing.assert_array_equal(read_image(paths[3]), 51 / 255)
    assert main(["methods"]) == 0
    assert "gain=1.0" in capsys.readouterr().out


def test_unknown_name_lists_the_names():
    with pytest.raises(InputError, match=r"method must be one of cbf, wls.*'nope'"):
        get_method("nope")


def test_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        METHODS["x"] = METHODS["cbf"]
    with pytest.raises(AttributeError):
        METHODS["cbf"].year = 1


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (name, shape)
        for name, method in METHODS.items()
        for shape in [(24, 24), *SIZES]
        if min(shape) >= method.smallest
    ],
)
def test_identical_sources_come_back(name, shape):
    tolerance = METHODS[name].tolerance
    image = texture(shape) if tolerance < 0.005 else smooth_texture(shape)
    fused = fuse(name, [image, image])
    assert fused.dtype == np.float64
    assert fused.shape == shape
    assert np.abs(fused - image).max() <= tolerance


@pytest.mark.parametrize(
    ("name", "smallest"),
    [(n, m.smallest) for n, m in METHODS.items() if m.smallest > 1],
)
def test_too_small_images_are_refused(name, smallest):
    with pytest.raises(
        InputError, match=f"{smallest}x{smallest} pixels for {name}, got"
    ):
        fuse(name, [texture((smallest, smallest - 1))] * 2)
    fuse(name, [texture((smallest, smallest))] * 2)


@pytest.mark.parametrize("name", list_methods())
def test_constant_images(name):
    levels = (51 / 255, 102 / 255)
    fused = fuse(name, [np.full((16, 19), level) for level in levels])
    assert fused.min() >= levels[0] - 1e-9
    assert fused.max() <= levels[1] + 1e-9


# Not jsr and jsrsd: what of two constants is common is not unique.
@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("maximum", 102),
        ("cbf", 77),  # whole grey levels, halves are rounded up
        ("wls", 76.5),
        ("convsr", 76.5),
        ("mean", 76.5),
        ("laplacian", 76.5),
        ("dwt", 76.5),
        ("swt", 76.5),
        ("dtcwt", 76.5),
        ("qwt", 76.5),
        ("nsct", 76.5),
        ("nsst", 76.5),
        ("gff", 51),  # both are flat, and the first of equals has the mask
        ("two_scale", 76.5),
        ("lrr", 102),  # the larger norm
        ("sr_hog", 76.5),  # no code without texture: the mean
        ("sr_pcnn", 76.5),
        ("sr_shearlet", 76.5),
        ("cosparse", 76.5),
    ],
)
def test_level_of_constant_images(name, level):
    fused = fuse(name, [np.full((16, 19), x / 255) for x in (51, 102)])
    np.testing.assert_allclose(fused, level / 255, atol=1e-9)


@pytest.mark.parametrize("name", list_methods())
def test_black_and_white(name):
    fused = fuse(name, [np.zeros((16, 19)), np.ones((16, 19))])
    assert np.isfinite(fused).all()
    assert fused.min() >= 0
    assert fused.max() <= 1


@pytest.mark.parametrize("name", list_methods())
def test_sources_are_left_alone_and_the_result_repeats(name):
    sources = [texture((20, 23), seed) for seed in (1, 2)]
    copies = [source.copy() for source in sources]
    first, second = fuse(name, sources), fuse(name, sources)
    np.testing.assert_allclose(first, second, atol=1e-6)
    for source, copy in zip(sources, copies, strict=True):
        np.testing.assert_array_equal(source, copy)


@pytest.mark.parametrize("name", list_methods())
def test_integer_sources_are_scaled(name):
    levels = np.random.default_rng(3).integers(0, 256, (2, 20, 17), dtype=np.uint8)
    np.testing.assert_allclose(
        fuse(name, levels), fuse(name, levels / 255.0), atol=1e-6
    )


@pytest.mark.parametrize("name", list_methods())
@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([np.zeros((8, 8))], "sources must hold at least 2 images, got 1"),
        ([np.zeros((8, 8)), np.zeros((8, 9))], "the same size, got 8x8 and 8x9"),
        ([np.zeros((8, 8)), np.full((8, 8), np.nan)], r"sources\[1\] must be finite"),
        ([np.zeros((8, 8)), np.full((8, 8), 9.0)], r"must lie in \[0, 1\]"),
        ([np.zeros((8, 8, 3))] * 2, "convert colour to grey"),
        ([np.zeros((0, 8))] * 2, "is empty"),
        (np.zeros((8, 8)), "got a single 2-D array"),
        (None, "got an object of type NoneType"),
    ],
)
def test_bad_sources_give_the_shared_errors(name, sources, message):
    with pytest.raises(InputError, match=message):
        fuse(name, sources)


@pytest.mark.parametrize("name", list_methods())
def test_three_sources(name):
    sources = [texture((18, 21), seed) for seed in range(3)]
    if METHODS[name].pair_only:
        with pytest.raises(InputError, match=r"exactly 2 images .* got 3"):
            fuse(name, sources)
    else:
        fused = fuse(name, sources)
        assert fused.shape == (18, 21)
        image = sources[0]
        if METHODS[name].tolerance >= 0.005:
            image = smooth_texture((18, 21))
        difference = np.abs(fuse(name, [image] * 3) - image)
        assert difference.max() <= METHODS[name].tolerance


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("cbf", {"sigma_s": 0}, "sigma_s must be a finite number above 0"),
        ("cbf", {"kernel": 4}, "kernel must be odd, got 4"),
        ("cbf", {"block": 1}, "block must be a whole number of at least 3"),
        ("wls", {"lam": -1}, "lam must be a finite number above 0"),
        ("wls", {"iterations": 0}, "iterations must be a whole number"),
        ("laplacian", {"levels": 0}, "levels must be a whole number"),
        ("dwt", {"wavelet": "nope"}, "wavelet must be the name"),
        ("swt", {"wavelet": "nope"}, "wavelet must be the name"),
        ("swt", {"levels": 0}, "levels must be a whole number"),
        ("dtcwt", {"levels": 1.5}, "levels must be a whole number"),
        ("qwt", {"levels": 0}, "levels must be a whole number"),
        ("nsct", {"directions": ()}, "directions must be a list of whole numbers"),
        ("nsct", {"directions": 8}, "directions must be a list of whole numbers"),
        ("nsst", {"directions": (8, 1)}, "directions must be a whole number of at"),
        ("gff", {"base_radius": 0}, "base_radius must be a whole number"),
        ("gff", {"detail_variance": 0}, "detail_variance must be a finite number"),
        ("two_scale", {"window": 1.5}, "window must be a whole number"),
        ("lrr", {"lam": 0}, "lam must be a finite number above 0"),
        ("lrr", {"dictionary": np.ones((49, 3))}, "dictionary must be a 64xN array"),
        ("sr_hog", {"sparsity": 65}, "sparsity must be at most 64"),
        ("sr_pcnn", {"seed": -1}, "seed must be a whole number"),
        ("sr_shearlet", {"sparsity": 0}, "sparsity must be a whole number"),
        ("cosparse", {"lam": 0}, "lam must be a finite number above 0"),
    ],
)
def test_bad_parameters(name, parameters, message):
    with pytest.raises(InputError, match=message):
        fuse(name, [np.zeros((8, 8))] * 2, **parameters)


@pytest.mark.parametrize("name", FAST)
@settings(max_examples=15, deadline=None)
@given(
    pair=hnp.arrays(
        np.uint8,
        st.tuples(st.just(2), st.integers(1, 12), st.integers(1, 12)),
        elements=st.integers(0, 255),
    )
)
def test_any_pair_gives_a_valid_image(name, pair):
    fused = fuse(name, pair)
    assert fused.shape == pair.shape[1:]
    assert np.isfinite(fused).all()
    assert fused.min() >= 0
    assert fused.max() <= 1


@pytest.mark.parametrize("name", ["cbf", "mean", "maximum", "two_scale"])
def test_flips_commute(name):
    pair = np.stack([texture((19, 26), seed) for seed in (4, 5)])
    flipped = fuse(name, pair[:, ::-1, ::-1])[::-1, ::-1]
    # Half a grey level may fall either way in CBF.
    tolerance = 1 / 255 + 1e-12 if name == "cbf" else 1e-12
    assert np.abs(fuse(name, pair) - flipped).max() <= tolerance


@pytest.mark.parametrize(
    "name",
    [
        "cbf", "mean", "maximum", "laplacian", "dwt", "swt", "dtcwt", "qwt", "nsct",
        "nsst", "gff",
    ],
)  # fmt: skip
def test_symmetric_in_the_sources(name):
    pair = [texture((19, 26), seed) for seed in (4, 5)]
    np.testing.assert_allclose(fuse(name, pair), fuse(name, pair[::-1]), atol=1e-12)
