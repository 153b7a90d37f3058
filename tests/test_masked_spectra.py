import pytest
import torch
import torch.nn.functional as F
from test_pretrain import SPECTRUM, spectra_batch

from galaxypair import model
from galaxypair.masked_spectra import MaskedSpectra, chunk_mask


@pytest.mark.parametrize(("length", "width"), [(7781, 500), (778, 50)])
def test_each_part_of_a_sequence_has_one_whole_chunk_anywhere_in_it(length, width):
    mask = chunk_mask(400, length, chunks=6, width=width, generator=torch.Generator().manual_seed(1))
    assert (mask.sum(1) == 6 * width).all()
    assert (mask.int().diff(dim=1, prepend=torch.zeros(400, 1)) == 1).sum(1).eq(6).all()
    for part in range(6):
        start = part * length // 6
        inside = mask[:, start : start + length // 6]
        assert (inside.sum(1) == width).all()
        assert inside.any(0).float().mean() > 0.95
    assert len({tuple(row.tolist()) for row in mask}) > 390


def masked(name="compact", **changes):
    torch.manual_seed(1)
    part = {"encoder": name, "compact": {"width": 4}, "spender": {"normalise": "none"}}
    encoder = model.build_encoder("spectrum", part | {"specformer": {"output": "tokens"}})
    return MaskedSpectra(encoder, SPECTRUM | changes, n_train=20).eval()


@pytest.mark.parametrize("name", ["compact", "spender"])
def test_encoder_reads_no_data_where_it_is_to_fill_in(monkeypatch, name):
    made, seen = masked(name), []
    real = made.encoder.prepare
    monkeypatch.setattr(made.encoder, "prepare", lambda raw, z=None: seen.append(raw) or real(raw, z))
    batch = spectra_batch()
    made(batch, torch.Generator().manual_seed(1))
    hidden = chunk_mask(2, 7781, chunks=6, width=500, generator=torch.Generator().manual_seed(1))
    assert torch.equal(seen[0] == 0, hidden)
    assert torch.equal(seen[0][~hidden], batch["spectrum"][~hidden])


def test_loss_counts_masked_bins_with_data_alone(monkeypatch):
    made, batch = masked(), spectra_batch()
    batch["spectrum"][:, :1000] = 0  # no data
    _, wanted, hidden = made._channels(batch["spectrum"], batch["z"], torch.Generator().manual_seed(1))
    assert wanted.shape == (2, 2, 3890) and hidden.shape == (2, 1, 3890)
    counted = hidden.expand_as(wanted).clone()
    counted[..., :500] = False
    monkeypatch.setattr(made, "_channels", lambda *_: (wanted + torch.where(counted, 2, 99), wanted, hidden))
    loss, chance = made(batch, torch.Generator().manual_seed(1))
    assert loss.item() == pytest.approx(4)
    assert chance.item() == pytest.approx(wanted[counted & (wanted != 0)].square().mean().item(), rel=1e-5)


def test_specformer_is_trained_by_the_published_loss():
    made, batch = masked("specformer"), spectra_batch(1)
    with torch.no_grad():
        loss, _ = made(batch, torch.Generator().manual_seed(1))
        (target,) = made.encoder.prepare(batch["spectrum"])
        mask = chunk_mask(1, 778, chunks=6, width=50, generator=torch.Generator().manual_seed(1))
        given = target.clone()
        given[mask] = 0
        output = made.encoder.head(made.encoder.encode(given))
        places = (given != target).float()
        expected = F.mse_loss(output * places, target * places) / places.mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
