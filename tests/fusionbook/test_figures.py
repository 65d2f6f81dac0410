"""Figures: what they accept, and that they leave the settings as they were."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from fusionbook.figures import figure, show_images
from fusionbook.pipeline import before_and_after, pipeline
from fusionlib import FusionConfig, fuse
from fusionlib.errors import InputError


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
    show_images(images, list("abc"), colorbar=True)
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
