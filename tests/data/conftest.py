"""The tools in ``data``, which are no part of the package, can be imported here."""

import sys
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"

sys.path[:0] = [str(DATA / "scenes"), str(DATA / "dictionaries")]
