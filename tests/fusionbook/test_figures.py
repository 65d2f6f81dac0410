"""Figures: what they draw, what they accept, and that settings stay as they were."""

import io

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from fusionbook.colours import LAYER_COLOURS, rgb
from fusionbook.figures import (
    DIVERGING,
    SEQUENTIAL,
    figure,
    limits_around,
    show_costs,
    show_images,
    show_layer_maps,
    show_receptive_fields,
    show_winner,
)
from fusionbook.pipeline import before_and_after, pipeline
from fusionlib import FusionConfig, fuse
from fusionlib.errors import InputError
from fusionlib.vgg.layers import PAPER_LAYERS, layer, multiply_adds, receptive_field


@pytest.fixture(autouse=True)
def _without_windows():
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def images():
    return list(np.random.RandomState(0).rand(3, 24, 32))


def test_the_style_goes_with_the_figure_and_the_settings_stay(images):
    """Also of what the caller writes into it afterwards."""
    before = dict(matplotlib.rcParams)
    drawing, axes = figure(1, 2)
    axes[0].set(title="title", xlabel="x")
    (line,) = axes[0].plot([1, 2], label="label")
    legend = axes[0].legend()
    shown = axes[1].imshow(images[0])
    bar = drawing.colorbar(shown, ax=axes[1])
    assert drawing.png().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before
    assert axes[0].title.get_size() == 9
    assert axes[0].xaxis.label.get_size() == 9
    assert axes[0].get_xticklabels()[0].get_size() == 8
    assert bar.ax.get_yticklabels()[0].get_size() == 8
    assert line.get_linewidth() == 1.6
    assert line.get_color() == "#0072B2"
    assert legend.get_texts()[0].get_size() == 8
    assert not legend.get_frame_on()
    assert shown.get_cmap().name == "gray"
    _, other = plt.subplots()
    assert other.set_title("title").get_size() == plt.rcParams["font.size"] * 1.2
    show_images(images, list("abc"), colorbar="label")
    assert dict(matplotlib.rcParams) == before


def test_diagrams_say_which_results_they_are_for(images, seeded):
    three = fuse(images, weights=seeded)
    for draw in (pipeline, before_and_after):
        with pytest.raises(InputError, match="result must be of two sources, got 3"):
            draw(three)
    layers = ("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1")
    five = fuse(images[:2], weights=seeded, config=FusionConfig(layers=layers))
    with pytest.raises(InputError, match="at most 4 layers, got 5"):
        pipeline(five)
    assert before_and_after(five).png().startswith(b"\x89PNG")
    for count in (1, 4):
        config = FusionConfig(layers=layers[:count])
        result = fuse(images[:2], weights=seeded, config=config)
        assert pipeline(result).png().startswith(b"\x89PNG")


def shown_in(axes):
    """The image that axes show."""
    (image,) = axes.get_images()
    return np.asarray(image.get_array())


def panels(drawing):
    """Axes with an image by title."""
    return {axes.get_title(): axes for axes in drawing.axes if axes.get_images()}


def test_the_pipeline_shows_the_intermediates_of_the_result(images, seeded):
    result = fuse(images[:2], weights=seeded)
    found = panels(pipeline(result))
    assert len(found) == 2 + 2 + 3 + 3 * 4 + 2
    expected = {
        "source $I_2$": result.I[1],
        "detail $I_1^d$": result.I_d[0],
        "fused base $F_b$": result.F_b,
        "fused detail $F_d$": result.F_d,
        "fused image $F$": result.image,
    }
    for k, name in enumerate(PAPER_LAYERS, start=1):
        expected[rf"activity $\hat C_1^{k}$"] = result.C_hat[name][0]
        expected[rf"weight $\hat W_1^{k}$"] = result.weight_map(name)[0]
        expected[f"candidate $F_d^{k}$"] = result.F_d_i[name]
    for title, image in expected.items():
        np.testing.assert_array_equal(shown_in(found[title]), image, title)
    weight = found[r"weight $\hat W_1^1$"].get_images()[0]
    assert weight.get_cmap() == DIVERGING
    assert sum(weight.get_clim()) == pytest.approx(1)  # white is one half


def test_before_and_after_shows_both_sources_and_the_image(images, seeded):
    result = fuse(images[:2], weights=seeded)
    found = panels(before_and_after(result))
    assert list(found) == ["infrared", "visible", "fused"]
    np.testing.assert_array_equal(shown_in(found["visible"]), result.I[1])
    np.testing.assert_array_equal(shown_in(found["fused"]), result.image)


def test_images_have_titles_labels_and_one_scale_or_their_own(images):
    drawing = show_images(images, list("abc"), columns=2, row_labels=["u", "v"])
    assert list(panels(drawing)) == list("abc")
    assert [drawing.axes[k].get_ylabel() for k in (0, 2)] == ["u", "v"]
    assert {axes.get_images()[0].get_clim() for axes in panels(drawing).values()} == {
        (0, 1)
    }
    assert len(drawing.axes) == 4  # no colour bar
    drawing = show_images(images, list("abc"), colorbar="amount")
    assert [axes.get_ylabel() for axes in drawing.axes[3:]] == ["amount"]
    drawing = show_images(images, list("abc"), limits=None, colorbar="")
    assert len(drawing.axes) == 3 + 3
    for axes, image in zip(drawing.axes, images, strict=False):
        assert axes.get_images()[0].get_clim() == (image.min(), image.max())


def test_limits_lie_around_the_centre_and_hold_the_values():
    assert limits_around([0.2, 0.6], 0.5) == pytest.approx((0.2, 0.8))
    values = np.arange(-100, 101)
    assert limits_around(values, percentile=50) == (-50, 50)


def test_maps_of_layers_have_a_column_each_and_its_scale():
    rng = np.random.RandomState(1)
    maps = {name: rng.rand(2, 40 >> k, 48 >> k) for k, name in enumerate(PAPER_LAYERS)}
    drawing = show_layer_maps(maps, ("ir", "vis"), limits=(0, 1), label="unit")
    grid = [axes for axes in drawing.axes if axes.get_images()]
    assert [axes.get_title() for axes in grid] == [*PAPER_LAYERS, *[""] * 4]
    assert [grid[k].get_ylabel() for k in (0, 4)] == ["ir", "vis"]
    np.testing.assert_array_equal(shown_in(grid[6]), maps["relu3_1"][1])
    assert grid[0].get_images()[0].get_cmap() == SEQUENTIAL
    drawing = show_layer_maps(maps, ("ir",), centre=0.5)
    (first, *_) = drawing.axes[0].get_images()
    assert first.get_cmap() == DIVERGING
    assert sum(first.get_clim()) == pytest.approx(1)


def test_receptive_fields_are_squares_of_their_size():
    image = np.random.RandomState(2).rand(64, 80)
    drawing = show_receptive_fields(
        image, dict.fromkeys(PAPER_LAYERS, np.ones_like(image)), 30, 40
    )
    sides = [receptive_field(name) for name in PAPER_LAYERS]
    assert [patch.get_width() for patch in drawing.axes[0].patches] == sides
    for patch, side, name in zip(
        drawing.axes[0].patches, sides, PAPER_LAYERS, strict=True
    ):
        x, y = patch.get_xy()
        middle = x + side / 2, y + side / 2  # within a sample of the pixel
        assert np.abs(np.subtract(middle, (40, 30))).max() <= layer(name).stride


def test_bars_of_the_costs_add_up():
    work, values = show_costs(64, 80).axes
    assert sum(bar.get_width() for bar in work.patches) == pytest.approx(
        multiply_adds(64, 80, "relu4_1") / 1e9
    )
    assert values.patches[0].get_width() == pytest.approx(64 * 80 * 64 / 1e6)


def test_winners_are_drawn_in_the_colours_of_the_legend():
    _, axes = figure()
    winner = np.array([[0, 1], [2, 3]])
    show_winner(axes, winner, PAPER_LAYERS)
    (image,) = axes.get_images()
    found = image.cmap(image.norm(winner), bytes=True)[..., :3].reshape(4, 3)
    assert found.tolist() == [list(rgb(colour)) for colour in LAYER_COLOURS]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == list(PAPER_LAYERS)


def test_small_files_show_what_was_drawn():
    """Grey figures get a palette; where it would show, channels are rounded."""
    ramp = np.linspace(0, 1, 4096).reshape(64, 64)
    coloured = np.random.RandomState(3).rand(64, 64, 3)
    for image, mode in ((ramp, "P"), (coloured, "RGB")):
        drawing, axes = figure(size=(2, 2))
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        buffer = io.BytesIO()
        drawing.savefig(buffer, bbox_inches="tight", pad_inches=0.04)
        exact = np.asarray(Image.open(buffer).convert("RGB")).astype(int)
        small = Image.open(io.BytesIO(drawing.png()))
        assert small.mode == mode
        assert np.abs(np.asarray(small.convert("RGB")) - exact).max() <= 12
        jpeg = Image.open(io.BytesIO(drawing.jpeg()))
        assert jpeg.format == "JPEG"
        assert jpeg.size == small.size
