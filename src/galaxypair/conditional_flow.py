"""A normalising flow that gives the posterior of one property from an embedding."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
import zuko
from torch import Tensor, nn
from zuko.flows.gaussianization import ElementWiseTransform

from galaxypair import small_networks
from galaxypair.labelled import Labelled
from galaxypair.scaling import Scaling

logger = logging.getLogger(__name__)


class PosteriorFlow(nn.Module):
    """p(y | x) of one number y: rational-quadratic splines of a normal distribution, steered by x.

    Parameters
    ----------
    d : int
        Length of x.
    transforms, bins : int
        Splines in a row, and pieces of each.
    hidden : sequence of int
        Neurons of the network of each spline that makes its parameters from x.

    Notes
    -----
    A neural spline flow (Durkan et al. 2019, arXiv:1906.04032) of one number: its autoregressive transforms
    have no other number to look at, which leaves a spline for each, the same for all values of y. The
    map to the normal distribution is monotonic, so quantiles and shares are exact and need no samples.
    Splines act within 5 standard deviations of the labels.

    A flow knows the galaxies that it was fitted to better than others, and its posteriors of others are too
    narrow. `recalibrate` mends that on average, by the two numbers of greatest likelihood; the published
    AstroCLIP code has nothing like it.
    """

    def __init__(self, d: int, transforms: int, bins: int, hidden: Sequence[int]) -> None:
        super().__init__()
        splines = [
            ElementWiseTransform(
                1,
                d,
                univariate=zuko.transforms.MonotonicRQSTransform,
                shapes=[(bins,), (bins,), (bins - 1,)],
                hidden_features=hidden,
            )
            for _ in range(transforms)
        ]
        self.transform = zuko.lazy.LazyComposedTransform(*splines)
        self.register_buffer("loc", torch.zeros(1))
        self.register_buffer("scale", torch.ones(1))

    def log_prob(self, x: Tensor, y: Tensor) -> Tensor:
        """Give ln p(y | x): x of shape (..., d), y of shape (...)."""
        normal = zuko.distributions.DiagNormal(self.loc, self.scale)
        return zuko.distributions.NormalizingFlow(self.transform(x), normal).log_prob(y[..., None])

    def share_below(self, x: Tensor, y: Tensor) -> Tensor:
        """Give the probability of less than y: x of shape (n, d), y of shape (n,)."""
        mapped = (self.transform(x)(y[..., None]) - self.loc) / self.scale
        return torch.special.ndtr(mapped[..., 0].double())

    def quantiles(self, x: Tensor, levels: np.ndarray) -> Tensor:
        """Give the values below which these shares lie: x of shape (n, d); result of shape (m, n)."""
        normal = torch.special.ndtri(torch.from_numpy(levels)).float()
        mapped = self.loc + self.scale * normal[:, None, None].expand(-1, len(x), 1)
        return self.transform(x).inv(mapped)[..., 0]

    @torch.no_grad()
    def recalibrate(self, x: Tensor, y: Tensor) -> None:
        """Take mean and width of the normal distribution from galaxies that nothing was fitted to.

        Parameters
        ----------
        x : Tensor of shape (n, d)
        y : Tensor of shape (n,)
        """
        mapped = self.transform(x)(y[..., None])
        self.loc, self.scale = mapped.mean(dim=0), mapped.std(dim=0)


class Posterior:
    """A flow that is trained, in the units of embedding and property.

    Parameters
    ----------
    train, val : Labelled
    settings : dict
        Section `posterior_flow` of the config.
    name : str
        For the log.
    """

    def __init__(self, train: Labelled, val: Labelled, settings: dict, name: str) -> None:
        self._x, self._y = Scaling.of(train.x), Scaling.of(train.y)
        with small_networks.seeded(settings["seed"]) as rng:
            self._flow = PosteriorFlow(
                train.x.shape[1], settings["transforms"], settings["bins"], settings["hidden"]
            )
            losses = small_networks.fit(
                self._flow,
                lambda flow, x, y: -flow.log_prob(x, y).mean(dim=1),
                *((self._scaled_x(own.x), self._scaled_y(own.y)[None]) for own in (train, val)),
                np.arange(len(train.y))[None],
                epochs=settings["epochs"],
                batch_size=settings["batch_size"],
                learning_rate=settings["learning_rate"],
                rng=rng,
            )[:, 0]
        self._flow.recalibrate(self._scaled_x(val.x), self._scaled_y(val.y))
        best = int(np.nanargmin(losses))
        logger.info(
            "%s: lowest validation loss %.3f in epoch %d of %d (last: %.3f); widened by %.2f",
            name,
            losses[best],
            best + 1,
            len(losses),
            losses[-1],
            float(self._flow.scale),
        )

    @torch.no_grad()
    def log_prob(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Logarithms of densities.

        Parameters
        ----------
        x : ndarray of shape (n, d)
        y : ndarray of shape (..., n)

        Returns
        -------
        ndarray of shape (..., n), float64
            Natural, per unit of y.
        """
        found = self._flow.log_prob(self._scaled_x(x), self._scaled_y(y))
        return found.numpy().astype(np.float64) - np.log(self._y.scale)

    @torch.no_grad()
    def share_below(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Probabilities of less than y.

        Parameters
        ----------
        x : ndarray of shape (n, d)
        y : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n,), float64
        """
        return self._flow.share_below(self._scaled_x(x), self._scaled_y(y)).numpy()

    @torch.no_grad()
    def quantiles(self, x: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Values below which given shares of the posteriors lie.

        Parameters
        ----------
        x : ndarray of shape (n, d)
        levels : ndarray of shape (m,)
            Between 0 and 1, both excluded.

        Returns
        -------
        ndarray of shape (m, n), float64
        """
        found = self._flow.quantiles(self._scaled_x(x), levels)
        return self._y.undo(found.numpy().astype(np.float64))

    def _scaled_x(self, x: np.ndarray) -> Tensor:
        return small_networks.tensor(self._x.apply(x))

    def _scaled_y(self, y: np.ndarray) -> Tensor:
        return small_networks.tensor(self._y.apply(y))
