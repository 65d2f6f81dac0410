"""Bands of rows are the same method: same numbers, less memory."""

import numpy as np
import pytest

from fusionlib import FusionConfig, fuse
from fusionlib.errors import InputError
from fusionlib.features import Network, activities
from fusionlib.fusion import fuse_image
from fusionlib.vgg.memory import BAND, parse_memory, plan_band

CASES = [
    ((150, 203), {}),
    ((97, 131), {"before_relu": True, "radius": 3, "input_scale": 255.0}),
    ((90, 61), {"lam": 60.0, "upsampling": "bilinear"}),
    ((83, 85), {"pooling": "floor", "layers": ("relu2_2", "relu3_4")}),
    ((65, 40), {"layers": ("relu1_1", "relu1_2", "relu4_1"), "before_relu": True}),
    ((33, 18), {"layers": ("relu3_1", "relu3_2", "relu3_3")}),
]


def details(shape, seed=5):
    return np.random.RandomState(seed).uniform(-0.2, 0.2, (2, *shape))


@pytest.mark.parametrize(("shape", "changes"), CASES)
def test_bands_give_the_l1_norm_of_the_whole_features(shape, changes, seeded):
    """Narrow bands: every block is cut into several."""
    config = FusionConfig(**changes)
    network = Network(seeded, "cpu")
    sources = details(shape)
    whole = network.features(
        sources,
        config.layers,
        before_relu=config.before_relu,
        input_scale=config.input_scale,
        pooling=config.pooling,
    )
    found = activities(sources, network, config, band=1)
    for name, features in whole:
        expected = features.abs().sum(1).numpy()
        assert found[name].shape == expected.shape
        error = np.abs(found[name] - expected).max()
        assert error < 1e-5 * expected.max(), name


def test_bands_need_their_neighbours(seeded):
    """Rows computed without those above and below would not be the same."""
    source = details((64, 48))
    whole = activities(source, seeded, FusionConfig())
    upper = activities(source[:, :32], seeded, FusionConfig())
    assert np.abs(upper["relu1_1"][:, -1] - whole["relu1_1"][:, 31]).max() > 1e-2


@pytest.mark.parametrize(("shape", "changes"), CASES)
def test_only_the_image_is_the_image_of_the_whole_result(
    shape, changes, seeded, monkeypatch
):
    monkeypatch.setattr("fusionlib.fusion.SLAB", 24)
    config = FusionConfig(**changes)
    random = np.random.RandomState(5)
    sources = [random.randint(0, 256, shape).astype(np.uint8) for _ in range(2)]
    result = fuse(sources, config=config, weights=seeded)
    image, provenance = fuse_image(sources, config=config, weights=seeded)
    assert np.abs(image - result.image).max() < 1e-6
    same = {k: v for k, v in provenance.items() if k != "seconds"}
    assert same == {k: v for k, v in result.provenance.items() if k != "seconds"}


def test_colour_three_sources_and_registration_in_narrow_bands(seeded, monkeypatch):
    monkeypatch.setattr("fusionlib.fusion.SLAB", 16)
    random = np.random.RandomState(6)
    colour = random.randint(0, 256, (60, 50, 3)).astype(np.uint8)
    grey = [random.randint(0, 256, (60, 50)).astype(np.uint8) for _ in range(2)]
    for sources, register in (([colour, *grey], False), ([grey[0], colour], True)):
        options = {"weights": seeded, "register": register}
        image, _ = fuse_image(sources, max_memory="700MB", **options)
        whole = fuse(sources, **options).image
        assert image.shape == (60, 50, 3)
        assert np.abs(image - whole).max() < 1e-6


def test_the_band_follows_from_the_budget():
    shape = (4096, 4096)
    assert plan_band(shape, 2, None, intermediates=True) == BAND
    assert plan_band(shape, 2, "8GB", intermediates=True) == BAND
    wide, narrow = (
        plan_band(shape, 2, budget, intermediates=False)
        for budget in (2_000_000_000, 1_900_000_000)
    )
    assert narrow < wide <= BAND
    with pytest.raises(InputError, match="1 GB are too little for 4096x4096 pixels"):
        plan_band(shape, 2, "1GB", intermediates=False)


@pytest.mark.parametrize(
    ("text", "amount"), [("1GB", 10**9), ("800 MB", 8e8), ("1.5gib", 1.5e9), (7, 7)]
)
def test_memory_is_parsed(text, amount):
    assert parse_memory(text) == amount


@pytest.mark.parametrize("text", ["", "much", "-1GB", "1TBB", "nan"])
def test_other_amounts_are_refused(text):
    with pytest.raises(InputError, match="max_memory"):
        parse_memory(text)
