"""The methods that the paper compares with, and simple references beside them.

Every method is a function ``f(sources, **parameters)`` that takes registered grey
images in [0, 1], the infrared one first, and returns the fused image as float64 in
[0, 1]. :data:`~fusionlib.baselines.registry.METHODS` holds what is known about each;
seconds are typical for a pair of 270x360 pixels on two cores:
"""

from .._registry import public_names as _public_names
from ._cbf import *
from ._cnn import *
from ._convsr import *
from ._directional import *
from ._dual_tree import *
from ._dwt import *
from ._gff import *
from ._jsr import *
from ._laplacian import *
from ._lrr import *
from ._pointwise import *
from ._sparse_fusion import *
from ._two_scale import *
from ._wls import *
from .registry import *
from .registry import describe as _describe

__doc__ = f"{__doc__}\n{_describe()}\n"
__all__ = _public_names(vars())
