"""What style transfer computes: cases by hand, invariances, and that losses fall."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusionbook.style import adain, distance, gram, moments, optimise, read_layers
from fusionlib.activity import l1_norm
from fusionlib.errors import InputError
from fusionlib.features import feature_maps
from fusionlib.vgg.layers import PAPER_LAYERS
from fusionlib.vgg.module import build_network


def noise(*shape, seed=0):
    """Positive tensors, as features after a ReLU are."""
    return torch.tensor(np.random.RandomState(seed).rand(*shape))


@pytest.fixture(scope="module")
def network(seeded):
    return build_network(seeded)


def test_the_gram_matrix_of_maps_that_fit_in_the_head():
    stripes = torch.tensor([[[1.0, 0], [1, 0]], [[0, 2], [0, 2]], [[3, 3], [3, 3]]])
    expected = torch.tensor([[0.5, 0, 1.5], [0, 2, 3], [1.5, 3, 9]])
    assert torch.equal(gram(stripes), expected)


def test_gram_and_moments_do_not_know_where_the_activity_does():
    phi = noise(5, 6, 7)
    order = np.random.RandomState(1).permutation(42)
    moved = phi.flatten(1)[:, order].reshape(phi.shape)
    assert torch.allclose(gram(moved), gram(phi), rtol=1e-12)
    for found, known in zip(moments(moved), moments(phi), strict=True):
        assert torch.allclose(found, known, rtol=1e-12)
    assert distance(l1_norm(moved), l1_norm(phi)) > 0.01


def test_the_activity_does_not_know_which_map_the_gram_matrix_does():
    phi = noise(5, 6, 7)
    other = phi.flip(0)
    assert torch.allclose(l1_norm(other), l1_norm(phi), rtol=1e-12)
    assert distance(gram(other), gram(phi)) > 1e-3


def test_moments_are_those_of_numpy_and_give_the_diagonal_and_the_mean_activity():
    phi = noise(4, 9, 8)
    mean, deviation = moments(phi)
    assert np.allclose(mean, phi.numpy().mean(axis=(1, 2)))
    assert np.allclose(deviation, phi.numpy().std(axis=(1, 2)))
    assert torch.allclose(gram(phi).diagonal(), mean**2 + deviation**2)
    assert torch.isclose(l1_norm(phi).mean(), mean.sum())


def test_adain_of_own_statistics_changes_nothing():
    phi = noise(4, 6, 5)
    assert torch.allclose(adain(phi, phi), phi)
    order = np.random.RandomState(2).permutation(30)
    moved = phi.flatten(1)[:, order].reshape(phi.shape)
    assert torch.allclose(adain(phi, moved), phi)


def test_adain_gives_the_moments_of_the_style_whatever_its_size():
    phi, style = noise(4, 6, 5), 3 + 7 * noise(4, 9, 2, seed=1)
    for found, wanted in zip(moments(adain(phi, style)), moments(style), strict=True):
        assert torch.allclose(found, wanted)
    small, large = torch.tensor([[[1.0, 3]]]), torch.tensor([[[6.0, 14]]])
    assert torch.allclose(adain(small, large), large)


def test_a_constant_map_gets_the_mean_and_a_finite_gradient():
    flat = torch.zeros(1, 3, 3, requires_grad=True)
    changed = adain(flat, noise(1, 3, 3))
    assert torch.allclose(changed, noise(1, 3, 3).mean())
    sum(one.sum() for one in moments(flat)).backward()
    assert torch.isfinite(flat.grad).all()


def test_distance_is_relative_to_what_was_wanted():
    wanted = noise(3, 4, 5)
    assert distance(wanted, wanted) == 0
    assert torch.isclose(distance(0 * wanted, wanted), torch.ones(()).double())
    assert torch.isclose(distance(3 * wanted, wanted), 4 * torch.ones(()).double())


def test_features_are_those_of_the_method(network, seeded):
    detail = np.random.RandomState(3).standard_normal((19, 22)) / 30
    found = read_layers(network, torch.tensor(detail, dtype=torch.float32))
    assert list(found) == list(PAPER_LAYERS)
    for name, maps in found.items():
        known = feature_maps(detail, seeded, name)
        assert np.allclose(maps, known, rtol=1e-3, atol=1e-4), name


def test_only_what_is_asked_for_is_read(network):
    assert list(read_layers(network, torch.zeros(8, 8), ["relu2_2"])) == ["relu2_2"]


def test_bad_input_is_named(network):
    with pytest.raises(InputError, match=r"plane must have the shape \(H, W\)"):
        read_layers(network, torch.zeros(3, 8, 8))
    with pytest.raises(InputError, match="layers"):
        read_layers(network, torch.zeros(8, 8), ["conv9_9"])


def test_a_quadratic_loss_is_solved():
    wanted = noise(5, 6).float()
    start = np.zeros((5, 6))
    image, history = optimise(lambda x: distance(x, wanted), start, 30)
    assert np.allclose(image, wanted, atol=1e-3)
    assert not start.any()
    assert 0 <= image.min() < image.max() <= 1
    assert history[0] == pytest.approx(1)
    assert history[-1] < 1e-6


def test_the_gradient_is_that_of_small_changes(seeded):
    network = build_network(seeded).double()
    wanted = read_layers(network, noise(16, 16))["relu2_1"]

    def loss(x):
        return distance(read_layers(network, x, ["relu2_1"])["relu2_1"], wanted)

    x = noise(16, 16, seed=5).requires_grad_()
    loss(x).backward()
    slope = x.grad.norm()
    step = 1e-5 * x.grad / slope
    ahead, behind = loss(x.detach() + step), loss(x.detach() - step)
    assert torch.isclose((ahead - behind) / 2e-5, slope, rtol=1e-3)


@pytest.mark.parametrize("name", ["relu1_1", "relu2_1"])
def test_an_image_is_found_whose_features_come_near(network, name):
    rows, columns = np.mgrid[:24, :24] / 24
    image = 0.5 + 0.3 * np.sin(6 * rows) * np.cos(9 * columns)

    def read(x):
        return read_layers(network, 255 * x - 116, [name])[name]

    wanted = read(torch.tensor(image, dtype=torch.float32))
    start = np.random.RandomState(4).uniform(0.45, 0.55, image.shape)
    found, history = optimise(lambda x: distance(read(x), wanted), start, 40)
    assert min(history) < history[0] / 3
    if name == "relu1_1":  # where nothing was pooled, the image itself comes back
        assert np.abs(found - image).mean() < np.abs(start - image).mean() / 3
