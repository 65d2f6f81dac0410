"""The drawing of the network shows the network that the method runs."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon, Rectangle

from fusionbook.colours import LAYER_COLOURS
from fusionbook.diagrams import show_network
from fusionlib.vgg.layers import CONVOLUTIONS, PAPER_LAYERS, map_shape


@pytest.fixture
def drawing():
    plt.switch_backend("agg")
    yield show_network(101, 150)
    plt.close("all")


def test_there_is_a_box_for_the_detail_and_for_each_convolution(drawing):
    boxes = [p for p in drawing.axes[0].patches if isinstance(p, Rectangle)]
    assert len(boxes) == 1 + len(CONVOLUTIONS)
    for box, convolution in zip(boxes[1:], CONVOLUTIONS, strict=True):
        halved = convolution.block - 1
        assert box.get_height() == pytest.approx(boxes[0].get_height() / 2**halved)
    lefts = [box.get_x() for box in boxes]
    assert lefts == sorted(lefts)
    rights = [box.get_x() + box.get_width() for box in boxes]
    assert all(right < left for right, left in zip(rights, lefts[1:], strict=False))


def test_there_are_three_poolings(drawing):
    wedges = [p for p in drawing.axes[0].patches if isinstance(p, Polygon)]
    assert len(wedges) == max(convolution.block for convolution in CONVOLUTIONS) - 1


def test_the_layers_that_are_read_have_their_colour_and_their_size(drawing):
    texts = {text.get_text(): text for text in drawing.axes[0].texts}
    for name, colour in zip(PAPER_LAYERS, LAYER_COLOURS, strict=True):
        rows, columns = map_shape(101, 150, name)
        assert f"{rows} × {columns}" in texts
        assert to_hex(texts[name].get_color()) == colour.lower()
    for convolution in CONVOLUTIONS:
        assert f"{convolution.name}\n{convolution.outputs}" in texts
