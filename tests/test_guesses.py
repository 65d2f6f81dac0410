"""What a newcomer writes before reading: it works, or one sentence says what would."""

import base64
import io
import subprocess
import sys
import types

import numpy as np
import pytest
from PIL import Image

import fusionlib
from fusionlib import FusionConfig, InputError, fuse, load_pair, load_weights
from fusionlib.baselines import METHODS, cbf
from fusionlib.data import Pair, open_sources
from fusionlib.errors import hint
from fusionlib.images.colour import ycbcr_to_rgb
from fusionlib.images.io import read_image, to_uint8, write_image
from fusionlib.metrics import MetricValues, evaluate

from .conftest import assert_same_image

#: A representation that is longer than this fills the screen.
SHORT = 600


@pytest.fixture(scope="module")
def pair():
    """A part of a scene, which is quick to fuse."""
    whole = load_pair("harbour")
    part = np.s_[96:144, 128:192]
    return Pair(
        "part", "A part of it", whole.infrared[part], whole.visible[part], False
    )


@pytest.fixture(scope="module")
def result(pair):
    return fuse(pair.sources, config=FusionConfig(lam=50), weights="seeded")


@pytest.fixture(scope="module")
def coloured(pair):
    tint = np.full_like(pair.visible, 0.05)
    colours = np.clip(ycbcr_to_rgb(np.stack([pair.visible, tint, -tint])), 0, 1)
    return fuse(pair.infrared, colours, weights="seeded"), [pair.infrared, colours]


@pytest.fixture
def files(pair, tmp_path):
    paths = [tmp_path / "IR.png", tmp_path / "VIS.png"]
    for path, image in zip(paths, pair, strict=True):
        write_image(path, image)
    return paths


@pytest.fixture
def shown(monkeypatch):
    """Pictures that would have opened a window."""
    pictures = []
    monkeypatch.setattr(Image.Image, "show", lambda self: pictures.append(self))
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    return pictures


def pictures_in(text):
    """Sizes of the pictures in HTML."""
    parts = text.split("data:image/png;base64,")[1:]
    data = [base64.b64decode(part.partition('"')[0]) for part in parts]
    return [Image.open(io.BytesIO(one)).size for one in data]


def test_what_a_cell_shows_is_short(pair, result):
    values = result.evaluate()
    compared = fusionlib.compare(pair, ["mean", "maximum"], metrics=["EN", "SD"])
    for thing in (pair, result, load_weights("seeded"), values, compared):
        assert len(repr(thing)) < SHORT
        assert thing._repr_html_().startswith("<")
    assert "2 sources, preset custom, weights seeded (random)" in repr(result)
    assert "48x64" in repr(pair)
    assert pictures_in(result._repr_html_()) == [(64, 48)] * 3
    assert pictures_in(pair._repr_html_()) == [(64, 48)] * 2
    assert "random numbers" in load_weights("seeded")._repr_html_()
    assert values._repr_html_().count("<tr>") == len(values) + 1


def test_html_says_nothing_that_is_not_text(pair):
    odd = Pair("x", "<script>", pair.infrared, pair.visible, False)
    assert "<script>" not in odd._repr_html_()


def test_large_pictures_are_made_small(pair):
    large = Pair("x", "large", *(np.kron(i, np.ones((8, 8))) for i in pair), False)
    assert pictures_in(large._repr_html_()) == [(320, 240)] * 2


@pytest.mark.parametrize(
    "guess",
    [
        lambda pair: fuse(pair, lam=50, weights="seeded"),
        lambda pair: fuse(pair, FusionConfig(lam=50), weights="seeded"),
        lambda pair: fuse(*pair, lam=50, weights="seeded"),
        lambda pair: fuse(pair.sources, FusionConfig(lam=50), weights="seeded"),
        lambda pair: fuse(pair, preset="paper", lam=50, weights="seeded"),
        lambda pair: fuse(pair, config=FusionConfig(), lam=50, weights="seeded"),
    ],
)
def test_ways_to_call_fuse(guess, pair, result):
    found = guess(pair)
    assert found.config == result.config
    np.testing.assert_allclose(found.F, result.F, atol=1e-9)


def test_a_preset_by_its_name(pair):
    assert fuse(pair, preset="released", weights="seeded").config.before_relu


def test_files_are_sources(files, pair):
    expected = [to_uint8(image) for image in pair]
    for given in (files, [str(path) for path in files]):
        for guess in ([given], given):
            found = open_sources(guess)
            assert all(map(np.array_equal, found, expected))
    fused = fuse(files, weights="seeded")
    np.testing.assert_allclose(fused.I, np.stack(expected) / 255, atol=1e-12)
    mixed = cbf(files[0], pair.visible)
    assert mixed.shape == pair.visible.shape


def test_the_name_of_a_pair_is_a_source():
    street = load_pair("street")
    for given in (["street"], [["street"]], [street]):
        assert all(map(np.array_equal, open_sources(given), street.sources))


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        (lambda p: fuse(p, weigths="seeded"), "fuse has no 'weigths'; did you mean w"),
        (lambda p: fuse(p, lambda_=5), "fuse has no 'lambda_'; did you mean lam?"),
        (lambda p: fuse(p, preset="papper"), "did you mean paper?"),
        (lambda p: fuse(p, config="released"), "a name of one is for preset"),
        (lambda p: fuse(p, config=FusionConfig(), preset="paper"), "leave one out"),
        (lambda p: fuse(p, layers="relu11"), "did you mean relu1_1?"),
        (lambda p: fuse(p, weights="oxfrod"), "did you mean oxford?"),
        (lambda p: fuse(p.infrared), "give all sources, as in [infrared, visible]"),
        (lambda p: fuse("IR.png", "VIS.png"), "sources[0]: IR.png does not exist"),
        (lambda p: fuse("strete"), "did you mean street?"),
        (lambda p: fuse(), "sources must hold at least 2 images, got 0"),
        (lambda p: fuse([p, p]), "got an object of type Pair"),
        (lambda p: FusionConfig(lambda_=50), "no 'lambda_'; did you mean lam?"),
        (lambda p: FusionConfig().replace(scale=1), "FusionConfig has no 'scale'"),
        (lambda p: load_pair("habour"), "did you mean harbour?"),
        (lambda p: load_pair("vifb:carligt"), "did you mean carLight or"),
        (lambda p: fusionlib.compare(p), "methods=['paper', 'cbf']"),
        (lambda p: fusionlib.compare(p, ["csb"]), "did you mean cbf?"),
        (lambda p: cbf(*p, sigma=2), "cbf has no 'sigma'; did you mean sigma_s or sig"),
        (lambda p: write_image(p.visible, "x.png"), "path comes first: write_image(p"),
        (lambda p: evaluate(p, p.visible), "fused comes first, then sources"),
        (lambda p: evaluate(p.sources, p.visible), "fused comes first, then sources"),
        (lambda p: METHODS["mean"](p.infrared), "got a single 2-D array"),
        (lambda p: evaluate(*p, metrics=["Qabf"]), "did you mean Q_abf?"),
        (lambda p: evaluate(*p, metrics=["SSIMa"]), "did you mean SSIM_a?"),
    ],
)  # fmt: skip
def test_one_sentence_names_the_right_call(guess, words, pair):
    with pytest.raises(InputError) as error:
        guess(pair)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_result_is_shown_saved_and_measured(result, pair, shown, tmp_path):
    result.show()
    assert [one.size for one in shown] == [(3 * 64 + 2 * 6, 48)]
    assert_same_image(np.asarray(shown[0])[:, -64:], to_uint8(result.image))
    result.save(tmp_path / "x.png")
    assert_same_image(to_uint8(read_image(tmp_path / "x.png")), result.uint8)
    assert_same_image(Image.fromarray(result.uint8), result.uint8)
    some = ["SSIM_a", "Q_abf"]
    assert result.evaluate(metrics=some) == evaluate(
        result.image, pair.sources, metrics=some
    )
    assert evaluate(result, pair, metrics=some) == result.evaluate(metrics=some)


def test_a_colour_result_is_measured_with_its_colours(coloured, shown):
    result, sources = coloured
    result.show()
    assert shown[0].mode == "RGB"
    for convention in ("published", "vifb"):
        found = result.evaluate(metrics=["MI", "EN"], convention=convention)
        expected = evaluate(result.image, sources, metrics=["MI", "EN"],
                            convention=convention)  # fmt: skip
        assert found.computed_on == expected.computed_on != "grey"
        np.testing.assert_allclose(
            list(found.values()), list(expected.values()), rtol=1e-3
        )


def test_in_a_notebook_a_picture_is_displayed(result, monkeypatch):
    displayed = []
    ipython = pytest.importorskip("IPython")
    shell = types.SimpleNamespace(kernel=True)
    monkeypatch.setattr(ipython, "get_ipython", lambda: shell)
    monkeypatch.setattr(ipython.display, "display", displayed.append)
    result.show()
    assert len(displayed) == 1


def test_maps_of_a_layer_by_its_name(result):
    assert result.W_hat["relu2_1"].shape == result.I.shape
    for maps in (result.W_hat, result.C, result.F_d_i):
        with pytest.raises(KeyError, match=r"layer must be one of relu1_1, .*, got 1"):
            maps[1]
    with pytest.raises(InputError, match="layer must be one of relu1_1"):
        result.weight_map(2)
    with pytest.raises(AttributeError, match=r"as in W_hat\['relu2_1'\]"):
        result.weights["relu2_1"]


def test_values_by_their_names(result):
    values = result.evaluate(metrics=["SSIM_a"])
    with pytest.raises(KeyError, match="did you mean SSIM_a"):
        values["SSIM"]
    assert "SSIM" not in values


def test_many_values_of_several_conventions_stay_short():
    names = [f"metric_{k}" for k in range(60)]
    values = MetricValues(
        dict.fromkeys(names, 0.123456789), {n: f"convention {len(n)}" for n in names}
    )
    assert len(repr(values)) < SHORT


def test_a_comparison_of_one_pair_is_a_table_and_a_picture(pair, shown):
    methods = ["mean", "cbf"]
    compared = fusionlib.compare(pair, methods, metrics=["SSIM_a", "N_abf"])
    assert list(compared.images) == ["IR", "VIS", *methods]
    mean = to_uint8(METHODS["mean"](pair))
    assert_same_image(compared.images["mean"], mean)
    assert pictures_in(compared._repr_html_()) == [(64, 48)] * 4
    assert "<b>" in compared._repr_html_()
    compared.show()
    assert shown[0].size == (4 * 64 + 3 * 6, 48)
    two = fusionlib.compare(["street", "smoke"], ["mean"], metrics=["EN"])
    assert two.images == {}
    with pytest.raises(InputError, match="single pair"):
        two.show()


def test_import_fusionlib_reaches_the_rest():
    code = (
        "import sys, fusionlib\n"
        "assert not {'torch', 'matplotlib', 'numpy'} & set(sys.modules)\n"
        "fusionlib.metrics.evaluate, fusionlib.baselines.cbf, fusionlib.fusion.fuse\n"
        "fusionlib.decomposition.decompose, fusionlib.data.list_pairs\n"
        "assert not {'torch', 'matplotlib'} & set(sys.modules)\n"
        "assert {'metrics', 'baselines', 'fuse'} <= set(dir(fusionlib))\n"
        "fusionlib.metric"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert "module 'fusionlib' has no attribute 'metric'" in last, done.stderr


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("SSIM", "SSIM_a or SSIM_b"),
        ("q-abf", "Q_abf"),
        ("ssim_a", "SSIM_a"),
        ("xyz", ""),
        ("", ""),
        (None, ""),
        pytest.param(10**5000, "", id="huge"),
    ],
)
def test_names_that_look_alike(value, expected):
    known = ["SSIM_a", "SSIM_b", "Q_abf", "EN"]
    assert hint(value, known) == (f"; did you mean {expected}?" if expected else "")


def test_images_need_no_titles(pair):
    figures = pytest.importorskip("fusionbook.figures")
    drawing = figures.show_images(pair.sources)
    assert [axes.get_title() for axes in drawing.axes] == ["", ""]
