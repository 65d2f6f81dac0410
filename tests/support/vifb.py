"""What the programs of VIFB do with images before and after fusing."""

import io

import numpy as np
from PIL import Image

#: Shares of red, green and blue in MATLAB's ``rgb2gray``.
GREY = (0.298936021293775, 0.587043074451121, 0.114020904255103)


def through_jpeg(image):
    """Return an 8-bit image as it comes back from the JPEG that the benchmark saves."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75, subsampling="4:2:0")
    return np.asarray(Image.open(file))
