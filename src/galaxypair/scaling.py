"""Columns brought to mean 0 and standard deviation 1."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of some columns.

    Attributes
    ----------
    mean, scale : ndarray of shape (d,) or scalar array
        A column that does not vary has scale 1.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "Scaling":
        """Measure columns.

        Parameters
        ----------
        values : ndarray of shape (n, d) or (n,), n > 0

        Returns
        -------
        Scaling
        """
        values = np.asarray(values, np.float64)
        mean, scale = values.mean(axis=0), values.std(axis=0)
        varies = scale > 1e-9 * np.maximum(np.abs(mean), 1e-9)
        return cls(mean, np.where(varies, scale, 1.0))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Shift and divide."""
        return (values - self.mean) / self.scale

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Bring scaled values back to their unit."""
        return values * self.scale + self.mean
