"""Tile by tile is the same method: same numbers, less memory."""

import numpy as np
import pytest

from fusionlib import FusionConfig, fuse
from fusionlib.decomposition import decompose
from fusionlib.errors import InputError
from fusionlib.features import Network
from fusionlib.io import to_uint8
from fusionlib.tiling import (
    _decompose_part,
    fuse_large,
    fuse_tile,
    halo,
    margin,
    parse_memory,
    plan_tile,
    tiles,
)

from .conftest import assert_same_image

FP32 = FusionConfig()


def pair(shape):
    random = np.random.RandomState(5)
    return [random.randint(0, 256, shape).astype(np.uint8) for _ in range(2)]


def assemble(sources, side, config, weights):
    """Fuse tile by tile, without quantisation."""
    network = Network(weights, precision=config.precision)
    fused = np.full(sources[0].shape, np.nan)
    for tile in tiles(fused.shape, side, config):
        fused[tile.rows, tile.columns] = fuse_tile(sources, tile, config, network)
    return fused


@pytest.mark.parametrize(
    ("shape", "side", "changes"),
    [
        ((150, 203), 64, {}),
        ((97, 131), 48, {"before_relu": True, "radius": 3, "input_scale": 255.0}),
        ((90, 61), 40, {"lam": 60.0, "upsampling": "bilinear"}),
        ((83, 85), 32, {"pooling": "floor", "layers": ("relu2_2", "relu3_4")}),
    ],
)
def test_tiled_equals_whole(shape, side, changes, seeded):
    config = FP32.replace(**changes)
    sources = pair(shape)
    whole = fuse(sources, config=config, weights=seeded)
    tiled = assemble(sources, side, config, seeded)
    assert np.abs(tiled - whole.F).max() < 1e-6


def test_the_decomposition_of_a_part_is_that_of_the_whole():
    source = pair((200, 170))[0]
    for lam in (0.5, 5.0, 80.0):
        config = FusionConfig(lam=lam)
        base, detail = decompose(source, lam)
        for tile in tiles(source.shape, 64, config):
            part = _decompose_part(source, tile, config)
            where = tile.outer_rows, tile.outer_columns
            assert np.abs(part[0] - base[where]).max() < 1e-8
            assert np.abs(part[1] - detail[where]).max() < 1e-8


def test_halo_is_not_larger_than_needed_nor_smaller(seeded):
    """With 16 pixels less, the result is wrong; so the halo matters."""
    sources = pair((160, 160))
    whole = fuse(sources, config=FP32, weights=seeded).F
    network = Network(seeded)
    tile = next(t for t in tiles((160, 160), 32, FP32) if t.rows.start == 64)
    assert np.abs(fuse_tile(sources, tile, FP32, network) -
                  whole[tile.rows, tile.columns]).max() < 1e-6  # fmt: skip
    narrow = tile._replace(
        outer_rows=slice(tile.rows.start - 16, tile.rows.stop + 16),
        outer_columns=slice(tile.columns.start, tile.columns.stop + 16),
    )
    wrong = fuse_tile(sources, narrow, FP32, network)
    assert np.abs(wrong - whole[tile.rows, tile.columns]).max() > 1e-5


def test_fuse_large_quantises_the_same_image(seeded):
    sources = pair((120, 110))
    image, provenance = fuse_large(sources, config=FP32, weights=seeded, tile=56)
    whole = to_uint8(fuse(sources, config=FP32, weights=seeded).image)
    assert image.dtype == np.uint8
    assert np.mean(image != whole) < 1e-3  # a value may sit on a rounding edge
    assert provenance["tiles"] == 6
    assert provenance["halo"] == halo(FP32)
    floats = fuse_large(
        [s / 255 for s in sources], config=FP32, weights=seeded, tile=56
    )
    assert_same_image(floats[0], image)


def test_the_tile_follows_from_the_budget():
    shape = (4096, 4096)
    small, large = (plan_tile(shape, 2, FP32, b) for b in (10**9, 1_450_000_000))
    assert 256 <= small < large < 4096
    assert small % 8 == large % 8 == 0
    assert plan_tile((100, 90), 2, FP32, 10**9) == 104
    with pytest.raises(InputError, match="max_memory: 0.3 GB are too little"):
        plan_tile(shape, 2, FP32, 300_000_000)


def test_margin_covers_the_filter():
    for lam in (0.1, 5, 500):
        decay = np.arccosh(1 + 1 / (2 * lam))
        assert np.exp(-decay * margin(lam)) <= 1e-10


@pytest.mark.parametrize(
    ("text", "amount"), [("1GB", 10**9), ("800 MB", 8e8), ("1.5gib", 1.5e9), (7, 7)]
)
def test_memory_is_parsed(text, amount):
    assert parse_memory(text) == amount


@pytest.mark.parametrize("text", ["", "much", "-1GB", "1TBB", "nan"])
def test_other_amounts_are_refused(text):
    with pytest.raises(InputError, match="max_memory"):
        parse_memory(text)


def test_bad_input_is_refused(seeded):
    a, b = pair((40, 40))
    with pytest.raises(InputError, match="tile must be a multiple of 8"):
        fuse_large([a, b], weights=seeded, tile=50)
    with pytest.raises(InputError, match="same size"):
        fuse_large([a, b[:, :30]], weights=seeded, tile=48)
    with pytest.raises(InputError, match="at least 2 images"):
        fuse_large([a], weights=seeded)
    with pytest.raises(InputError, match="got int64"):
        fuse_large([a, b.astype(int)], weights=seeded)
