"""Checks of numbers and choices: whatever comes is refused in one sentence."""

import numpy as np
import pytest

from fusionlib.baselines import learn_patch_dictionary
from fusionlib.errors import InputError
from fusionlib.images.validation import (
    as_image,
    check_choice,
    check_positive,
    check_positive_int,
    check_workers,
)
from fusionlib.vgg.layers import check_layers
from fusionlib.vgg.memory import parse_memory


class Unshown:
    """What cannot even be written down."""

    def __repr__(self):
        raise RuntimeError("no words for it")


#: Python has it, but refuses to write its digits.
HUGE = 10**5000


@pytest.mark.parametrize(
    "value",
    [HUGE, -HUGE, [HUGE], Unshown()],
    ids=["huge", "negative", "list", "unshown"],  # pytest cannot write them either
)
@pytest.mark.parametrize(
    "check",
    [
        lambda value: check_positive(value, "argument"),
        lambda value: check_positive_int(value, "argument", maximum=9),
        check_workers,
        lambda value: check_choice(value, "argument", ["one", "other"]),
        lambda value: check_layers([value]),
        check_layers,
        parse_memory,
    ],
)
def test_what_cannot_be_written_is_refused_in_one_sentence(check, value):
    with pytest.raises(
        InputError, match="argument|workers|layers|max_memory"
    ) as caught:
        check(value)
    assert "\n" not in str(caught.value)


def test_a_dictionary_is_learned_from_a_seed_that_there_is():
    with pytest.raises(InputError, match="seed must be at most 4294967295"):
        learn_patch_dictionary([[[0.5] * 9] * 9] * 2, seed=2**32)


@pytest.mark.parametrize("view", [np.transpose, np.flipud, np.fliplr])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8, np.uint16])
def test_an_image_has_its_rows_one_after_another(view, kind):
    """Otherwise kernels are compiled again for each order in memory."""
    image = (np.arange(12).reshape(3, 4) / 16).astype(kind)
    array = as_image(view(image))
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(array, view(as_image(image)))
