"""What a machine lacks: a skip that says so, or a failure where it has to be there."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str, reason: str) -> NoReturn:
    """Skip the test, or fail it if the variable ``FUSIONLIB_REQUIRE_<what>`` is set.

    Workflows set it, so that tests do not vanish there without anybody noticing.

    Parameters
    ----------
    what : {"BROWSER", "DATA"}
        A browser and what the lab page needs; or the real pairs and Oxford weights.
    reason : str
        What is missing.
    """
    variable = f"FUSIONLIB_REQUIRE_{what}"
    if os.environ.get(variable, "0") not in ("", "0"):
        pytest.fail(f"{reason}, and {variable} is set", pytrace=False)
    pytest.skip(reason)
