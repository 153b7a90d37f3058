import math

import numpy as np
import pytest
import torch
from torch import Tensor

from galaxypair import redshift_bins, tables
from galaxypair.encoders.base import Reading, ReadingEncoder
from galaxypair.encoders.compact import CompactSpectrumEncoder
from galaxypair.simulator_truth import SimulatorTruth, clean_shape

N = 3000


class Oracle(ReadingEncoder):
    """Knows the true distribution, and says it too surely or not surely enough."""

    n_features = 4

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def prepare(self, raw: Tensor, z: Tensor | None = None) -> tuple[Tensor, ...]:
        return (raw,)

    def read(self, *prepared: Tensor) -> Reading:
        (centre,) = prepared
        place = torch.arange(redshift_bins.N_BINS)
        logits = -0.5 * ((place - centre) / 5) ** 2
        logits = torch.cat([logits, torch.full((len(centre), 1), -20.0)], 1)
        return Reading(torch.zeros(len(centre), 4), self.scale * logits, torch.zeros(len(centre), 2))


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_calibration_makes_probabilities_frequencies(scale):
    generator = torch.Generator().manual_seed(0)
    centre = 50 + 400 * torch.rand(N, 1, generator=generator)
    true = centre[:, 0] + 5 * torch.randn(N, generator=generator)
    batch = {"spectrum": centre, "z": torch.expm1(true * redshift_bins.STEP), "galaxy": torch.ones(N).bool()}
    objective = SimulatorTruth(Oracle(scale), {"effects": []}, N)
    objective.calibrate([batch])
    assert objective.encoder.temperature.item() == pytest.approx(scale, rel=0.12)
    assert objective.encoder.reads
    share = objective.encoder.log_prior.exp()
    assert share.sum().item() == pytest.approx(1, abs=1e-4)
    assert share[50:450].sum() > 0.9


def test_loss_falls_from_that_of_knowing_nothing_with_a_few_steps_on_a_few_galaxies():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    wavelength = np.linspace(tables.WAVELENGTH_MIN, tables.WAVELENGTH_MAX, tables.N_WAVELENGTH)
    z = rng.uniform(0.05, 0.4, 32)
    lines = sum(np.exp(-0.5 * ((wavelength - c * (1 + z[:, None])) / 4) ** 2) for c in (3728, 5008, 6565))
    light = torch.tensor(1 + 3 * lines, dtype=torch.float32)
    batch = {
        "spectrum": light + 0.1 * torch.randn(light.shape),
        "continuum": torch.ones_like(light),
        "lines": light - 1,
        "z": torch.tensor(z, dtype=torch.float32),
        "galaxy": torch.ones(32).bool(),
        "log_mstar": torch.full((32,), 10.0),
    }
    objective = SimulatorTruth(CompactSpectrumEncoder(width=16), {"effects": []}, 32)
    optimiser = torch.optim.AdamW(objective.parameters(), 5e-3)
    losses = []
    for _ in range(40):
        loss, chance = objective(batch, torch.Generator().manual_seed(0))
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[0] > 0.8 * chance == pytest.approx(0.8 * math.log(redshift_bins.N_CLASSES))
    assert losses[-1] < 0.4 * losses[0]


def test_shape_without_noise_does_not_tell_the_brightness():
    flux = torch.rand(3, tables.N_WAVELENGTH) + 0.5
    torch.testing.assert_close(clean_shape(flux), clean_shape(100 * flux))
    assert clean_shape(torch.zeros(1, tables.N_WAVELENGTH)).abs().max() <= 1
