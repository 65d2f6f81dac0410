"""Metrics of fused images, each with the convention it follows.

>>> import numpy as np
>>> from fusionlib.metrics import evaluate
>>> image = np.linspace(0, 1, 64 * 64).reshape(64, 64)
>>> values = evaluate(image, [image, image], metrics=["SSIM_a", "N_abf"])
>>> round(values["SSIM_a"], 12), values.conventions["N_abf"]
(1.0, 'published')

Every metric takes ``(fused, sources)`` with K >= 2 sources, and the keyword
``convention`` where its value depends on one. Metrics are defined on grey images;
:func:`~fusionlib.metrics.evaluate` takes colour ones as well.
:data:`~fusionlib.metrics.registry.METRICS` holds what is known about each.
"""

from .._registry import public_names as _public_names
from ._fidelity import *
from ._fmi import *
from ._gradient import *
from ._information import *
from ._perceptual import *
from ._phase import *
from ._similarity import *
from ._statistics import *
from ._structural import *
from .registry import *
from .registry import describe as _describe

__doc__ = f"{__doc__}\n{_describe()}\n"
__all__ = _public_names(vars())
