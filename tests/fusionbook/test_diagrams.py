"""The drawing of the network shows the network that the method runs."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon, Rectangle

import fusionlib
from fusionbook.colours import LAYER_COLOURS
from fusionbook.diagrams import ROOMS, room_imports, show_network, show_rooms
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


def test_the_rooms_are_those_of_the_library():
    folder = Path(fusionlib.__file__).parent
    small = {"errors", "display"}  # what everything uses
    found = {path.stem for path in folder.iterdir()
             if (path.suffix == ".py" or (path / "__init__.py").is_file())
             and not path.stem.startswith("_")}  # fmt: skip
    assert found - small == set(ROOMS) - {"fusionbook"}


def test_rooms_import_what_their_files_say():
    found = room_imports()
    assert found["images"] == set()
    assert {"features", "activity", "weight_maps", "decomposition"} <= found["fusion"]
    assert "vgg" not in found["decomposition"] | found["activity"]
    assert not any("fusionbook" in others for others in found.values())


def test_each_room_is_drawn_once_and_arrows_point_down():
    plt.switch_backend("agg")
    axes = show_rooms().axes[0]
    names = [text.get_text() for text in axes.texts if text.get_text()]
    arrows = [text for text in axes.texts if not text.get_text()]
    assert sorted(names) == sorted(ROOMS)
    assert len(arrows) >= len(ROOMS) - 1
    assert all(arrow.xy[1] < arrow.xyann[1] for arrow in arrows)
    plt.close("all")
