"""How far two correct float32 computations of one network may lie apart: the error model behind the tests' tolerances.

A sum of n products in float32 is off by at most n u times the sum of their magnitudes, in whatever order it is taken
(u = 2^-24; Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 3.5). Processors with other vector units take
other orders, so no smaller tolerance holds on all of them. The sums of different layers err independently of one another and
add in quadrature, and two computations are compared. Taken for granted: a layer passes an error on at about the size at which
it passes its values on, so that the size of the result stands for those of all layers.
"""

from __future__ import annotations

import math

UNIT = 2.0**-24


def apart(terms: int, layers: int, size: float) -> float:
    """Return the largest difference that the order of sums explains.

    Args:
        terms: products in the longest sum. layers: sums, one after another. size: of the largest values that come out.
    """
    return math.sqrt(2 * layers) * terms * UNIT * size


GENERATOR = (512, 37)
"""Terms and layers of MobileStyleGAN's synthesis: 512 channels, first convolution, 5 sums in each of 7 layers, head."""
RECOGNISER = (4608, 60)
"""Of a recogniser: 3x3 over 512 channels, some sixty convolutions."""
