"""Many settings on one pair, and what they cost."""

import numpy as np
import pytest
import scipy.ndimage

from fusionbook.trade import border_strip, edge_pair, halo, noise_gain, sweep, truth
from fusionlib import FusionConfig, fuse, load_pair
from fusionlib.fusion import load_model


@pytest.fixture(scope="module")
def small():
    """The middle of a scene, for speed."""
    pair = load_pair("street")
    return [np.ascontiguousarray(s[96:160, 128:208]) for s in pair.sources]


def test_a_sweep_is_many_calls_of_fuse(small):
    """Whatever is shared between configurations, none gets the parts of another."""
    model = load_model("seeded")
    configs = [
        FusionConfig(),
        FusionConfig(selection="absmax", input_scale=255.0),
        FusionConfig(selection="absmax", input_scale=255.0, power=4.0),
        FusionConfig(selection="absmax", input_scale=255.0, gain=1.5),
        FusionConfig(lam=50.0, input_scale=255.0, base="activity", mirror=32),
        FusionConfig(lam=50.0, base="activity", base_power=4.0, mirror=32),
        FusionConfig(base="contrast", guided_radius=4, above_floor=True),
        FusionConfig(alpha=(0.25, 0.75), before_relu=True),
    ]
    for config, fused in sweep(small, configs, model.network):
        expected = fuse(small, config=config, weights=model).F
        np.testing.assert_allclose(fused, expected, atol=1e-12, err_msg=str(config))


def test_the_mean_has_no_halo_no_strip_and_little_noise():
    """The values that can be said beforehand."""

    def mean(sources):
        return sum(sources) / len(sources)

    scenes = [load_pair("street"), load_pair("facade")]
    assert halo(mean) < 0.05  # what is left is the softness of the edge
    assert border_strip(mean, scenes) == 0
    assert noise_gain(mean, scenes) == pytest.approx(np.sqrt(0.5), abs=0.01)


def test_a_halo_is_measured_in_grey_levels():
    """A ring of 10 levels beside the target, 4 pixels wide, on the outer side."""
    _, _, target = edge_pair()
    away = scipy.ndimage.distance_transform_edt(~target)
    ring = (away > 2) & (away <= 6)

    def with_ring(sources):
        return target * 0.8 + ~target * 0.3 + ring * 10 / 255

    inside = scipy.ndimage.distance_transform_edt(target)
    seen = ((away > 2) & (away <= 16)).sum() + ((inside > 2) & (inside <= 16)).sum()
    assert halo(with_ring) == pytest.approx(10 * ring.sum() / seen)


def test_truth_of_the_sources_themselves():
    """The infrared image has all of the targets, the visible one all of the texture."""
    pair = load_pair("street")
    assert truth(pair.infrared, pair)[0] == pytest.approx(1)
    assert truth(pair.visible, pair)[1] == pytest.approx(1)
