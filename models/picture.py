"""Input type of every model."""

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""uint8 (height, width, 3) BGR."""
