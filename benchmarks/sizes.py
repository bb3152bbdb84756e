"""What all contenders compute in one comparison."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Size(NamedTuple):
    """A network, and how many images of ``resolution`` x ``resolution`` pixels it is given, on how many threads.

    Examples
    --------
    >>> print(Size("v2", batch=1, resolution=224, threads=2))
    v2, 1 x 224, 2 threads
    """

    model: str
    batch: int
    resolution: int
    threads: int
    width: float = 1.0

    def __str__(self) -> str:
        s = "s" if self.threads > 1 else ""
        return f"{self.model}, {self.batch} x {self.resolution}, {self.threads} thread{s}"

    def images(self) -> np.ndarray:
        """NHWC; the same for everybody."""
        shape = (self.batch, self.resolution, self.resolution, 3)
        return np.random.default_rng(0).standard_normal(shape, np.float32)

    def labels(self) -> np.ndarray:
        """A class for each image."""
        return np.random.default_rng(1).integers(0, 1000, self.batch)

    def small(self) -> Size:
        """The least that runs the same code."""
        return self._replace(batch=2, resolution=32, width=0.25)
