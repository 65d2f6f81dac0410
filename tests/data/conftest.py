"""The tools in ``data``, which are no part of the package, can be imported here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "data" / "scenes"))
