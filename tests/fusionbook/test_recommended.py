"""The preset recommended: what it is, and what it was chosen for."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from fusionbook.trade import border_strip, fuser, halo, sweep, truth
from fusionlib import FusionConfig, InputError, fuse, load_pair
from fusionlib.data import scenes
from fusionlib.fusion import load_model

TABLE = Path(__file__).parents[2] / "book/results/recommended.csv"
BEST = FusionConfig.preset("recommended")


@pytest.fixture(scope="module")
def table():
    with TABLE.open(newline="") as file:
        note = json.loads(file.readline().removeprefix("# "))
        return note, list(csv.DictReader(file))


def test_the_preset_is_the_chosen_row(table):
    note, rows = table
    [row] = [row for row in rows if row["chosen"]]
    for name in ("lam", "base_power", "guided_radius", "power", "gain"):
        assert getattr(BEST, name) == float(row[name])
    assert BEST.base == row["base"]
    changed = {n: getattr(BEST, n) for n in note["fixed"]}
    assert changed == note["fixed"]
    kept = FusionConfig().replace(
        **{n: getattr(BEST, n) for n in (*changed, "lam", "base", "base_power",
                                         "guided_radius", "power", "gain")}
    )  # fmt: skip
    assert kept == BEST  # nothing else differs from the paper
    assert BEST.preset_name == "recommended"
    assert BEST.replace(gain=1).preset_name == "custom"


def test_the_rules_hold_for_the_chosen_row(table):
    """They are read from the table as it stands, not from the script."""
    note, rows = table
    [row] = [row for row in rows if row["chosen"]]
    same = ("base", "base_power", "guided_radius", "lam", "power")
    [calm] = [
        r for r in rows if all(r[n] == row[n] for n in same) and r["gain"] == "1.0"
    ]
    assert float(row["target"]) >= 0.65
    assert 0.95 <= float(row["texture"]) <= 1.25
    assert float(calm["target"]) >= 0.60
    assert float(calm["N_abf"]) <= 0.07
    for name, limit in note["laplacian"].items():
        assert float(row[name]) <= limit
    scored = [r for r in rows if r["z_pairs"]]
    z = {id(r): float(r["z_scenes"]) + float(r["z_pairs"]) for r in scored}
    assert all(z[id(r)] <= z[id(row)] for r in scored if r["halo"] in ("", row["halo"]))


def test_scenes_with_the_papers_network(table, oxford):
    """As the table says, and better than the paper's setting in what it is for."""
    _, rows = table
    [row] = [row for row in rows if row["chosen"]]
    model = load_model(oxford)
    pairs = [load_pair(scene) for scene in scenes()]
    configs = [FusionConfig(), BEST, BEST.replace(gain=1)]
    paper, best, calm = np.mean(
        [[truth(f, p) for _, f in sweep(p.sources, configs, model.network)]
         for p in pairs], axis=0,
    )  # fmt: skip
    expected = [float(row[name]) for name in ("target", "texture", "N_abf")]
    np.testing.assert_allclose(best, expected, atol=1e-3)
    assert (best[:2] > paper[:2] + 0.2).all()
    assert calm[0] >= 0.60
    assert calm[2] <= 0.07


def test_less_halo_and_border_than_the_laplacian_pyramid():
    """With random weights too: what they are is not what does it."""
    model = load_model("seeded")
    best, pyramid = fuser(BEST, model), fuser("laplacian", model)
    pairs = [load_pair("street")]
    assert halo(best) < 0.6 * halo(pyramid)
    assert border_strip(best, pairs) < border_strip(pyramid, pairs)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (33, 40)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_constant_and_tiny_images_stay_what_they_are(shape, level):
    flat = np.full(shape, level)
    result = fuse([flat, flat], config=BEST, weights="seeded")
    np.testing.assert_allclose(result.F, level, atol=1e-9)


def test_the_order_of_three_sources_does_not_matter():
    rng = np.random.default_rng(0)
    sources = [rng.random((24, 40)) for _ in range(3)]
    one = fuse(sources, config=BEST, weights="seeded")
    other = fuse(sources[::-1], config=BEST, weights="seeded")
    np.testing.assert_allclose(one.F, other.F, atol=1e-6)
    np.testing.assert_allclose(one.W_b.sum(axis=0), 1)


def test_an_image_with_itself_gains_only_by_the_gain():
    """Weights do not matter then: F is the image plus the extra detail."""
    image = load_pair("street").visible[:64, :80]
    result = fuse([image, image], config=BEST, weights="seeded")
    expected = image + (BEST.gain - 1) * result.I_d[0]
    np.testing.assert_allclose(result.F, expected, atol=2e-9)


def test_colour_keeps_its_chroma():
    rng = np.random.default_rng(1)
    colour = 0.3 + 0.4 * rng.random((24, 40, 3))
    result = fuse([rng.random((24, 40)), colour], config=BEST, weights="seeded")
    assert result.image.shape == (24, 40, 3)
    assert result.chroma is not None


def test_an_unknown_preset_names_all_three():
    with pytest.raises(InputError, match="paper, released, recommended"):
        FusionConfig.preset("recomended")
