"""How to make a network fast, in the order in which to read it.

1. `fold`: BatchNorm disappears into the weights.
2. `weights`: the weights in the order in which they will be read.
3. `plan`: what is computed in which pieces, so that what is needed again is still near.
4. `run`: the pieces, and the threads that share them.
5. `compiled`: the function that a user sees. `folded`: what it is without Numba, or for a network that no plan `fits`;
   it has done the first step alone.

Below are `mobilenet_np.kernels`: sums in registers.
"""

from .compiled import Compiled, compile
from .folded import Folded

__all__ = ["Compiled", "Folded", "compile"]
