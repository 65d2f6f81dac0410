"""The wipe and the pair that opens the book, as HTML."""

import io
import json
import re
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from fusionbook.explorers.wipe import Wipe
from fusionbook.hero import sensor_pair
from fusionlib import InputError, load_pair


@pytest.fixture(scope="module")
def images():
    ramp = np.linspace(0, 1, 40 * 60).reshape(40, 60)
    return {"first": ramp, "second": 1 - ramp, "third & last": ramp**2}


def test_a_wipe_holds_every_image_and_starts_with_the_chosen_two(images):
    html = Wipe(images, start=("second", "first"), title="Two", how="h")._repr_html_()
    data = re.search(r'class="fl-data">(.*?)</script>', html, re.DOTALL)[1]
    addresses = json.loads(data)
    assert list(addresses) == list(images)
    for name, address in addresses.items():
        content = b64decode(address.partition(",")[2])
        shown = np.asarray(Image.open(io.BytesIO(content)).convert("L")) / 255
        assert np.abs(shown - images[name]).mean() < 0.02
    for side, name in (("left", "second"), ("right", "first")):
        found = re.search(rf'<img data-side="{side}" src="([^"]+)" alt="([^"]+)"', html)
        assert found.groups() == (addresses[name], name)
    assert "third &amp; last</option>" in html
    assert not re.search(r'(?:src|href)="(?!data:)', html)


def test_a_wipe_says_what_it_cannot_show(images):
    with pytest.raises(InputError, match="two or more grey images"):
        Wipe({"one": images["first"]})
    with pytest.raises(InputError, match="of one size"):
        Wipe({**images, "small": np.zeros((3, 4))})
    with pytest.raises(InputError, match="start must be two of first, second"):
        Wipe(images, start=("first", "fourth"))


def test_the_arrows_of_the_hero_point_at_what_only_one_sensor_sees():
    """On the home page: the man in the doorway, and a sign."""
    pair = load_pair("facade")
    html = sensor_pair(pair, (232, 152, 174, 188), (118, 118, 82, 166)).data
    tips = [
        (int(x), int(y)) for x, y in re.findall(r'x2="(\d+)" y2="(\d+)" stroke', html)
    ]
    assert tips == [(174, 188), (82, 166)]
    near = [np.s_[y - 12 : y + 12, x - 18 : x + 6] for x, y in tips]
    assert pair.target_mask[near[0]].any()
    contrast = [[image[box].std() for box in near] for image in pair.sources]
    assert contrast[0][0] > 2 * contrast[1][0]  # the man: in infrared
    assert contrast[1][1] > 2 * contrast[0][1]  # the letters: in visible light
    assert html.count('role="img"') == 2
