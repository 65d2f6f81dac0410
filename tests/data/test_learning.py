"""Learning of the dictionary that ships."""

from __future__ import annotations

import numpy as np
import pytest
from learning import learn_dictionary

from fusionlib.baselines import sparse_maps, synthesise
from fusionlib.errors import InputError


def test_learning_lowers_the_cost_and_repeats():
    x = np.mgrid[:40, :40][1]
    rng = np.random.default_rng(13)
    images = [
        np.clip(0.5 + 0.3 * np.sin(0.8 * x + p) + rng.normal(0, 0.02, x.shape), 0, 1)
        for p in (0, 1)
    ]
    options = {"size": 5, "filters": 4, "crop": 32, "crops": 3, "lam": 0.02}
    learned = learn_dictionary(images, rounds=4, **options)
    assert learned.shape == (5, 5, 4)
    assert np.linalg.norm(learned.reshape(25, 4), axis=0).max() <= 1 + 1e-9
    np.testing.assert_allclose(
        learned, learn_dictionary(images, rounds=4, **options), atol=1e-6
    )

    def cost(dictionary):
        detail = images[0] - images[0].mean()
        maps = sparse_maps(detail, dictionary, lam=0.02)
        rest = detail - synthesise(maps, dictionary)
        return 0.5 * (rest**2).sum() + 0.02 * np.abs(maps).sum()

    random = rng.normal(size=(5, 5, 4))
    random /= np.linalg.norm(random.reshape(-1, 4), axis=0)
    assert cost(learned) < 0.8 * cost(random)


def test_learning_needs_detail():
    with pytest.raises(InputError, match="images must not be flat"):
        learn_dictionary([np.full((40, 40), 0.5)], crop=32, rounds=1)
    with pytest.raises(InputError, match="crop must be at most the image size"):
        learn_dictionary([np.full((40, 40), 0.5)], crop=64)
