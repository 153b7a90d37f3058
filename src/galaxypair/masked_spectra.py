"""Masked modelling of spectra: an encoder that knows what belongs where a piece is missing."""

import torch
from torch import Tensor, nn

from galaxypair import spectra, tables
from galaxypair.encoders.base import Encoder
from galaxypair.encoders.specformer import Specformer

HIDDEN = 512  # units of the decoder between features and spectrum


class MaskedSpectra(nn.Module):
    """Fill in pieces of spectra that the encoder does not see.

    Parameters
    ----------
    encoder : Encoder
        Of spectra.
    settings : dict
        Section `pretrain.spectrum` of the config.
    n_train : int
        Galaxies to train on; of no concern here.

    Notes
    -----
    After Specformer (Parker et al. 2024, MNRAS 531, 4990), whose own form it is for that encoder: 6 chunks of
    50 tokens are zeroed, its layer `head` fills them in, the loss is the mean square over them. Encoders that
    give one feature vector for a galaxy learn the same by a decoder, two layers that are thrown away
    afterwards: chunks of as many bins (50 tokens are 500) are set to 0, which is what spectra have where
    there is no data, and the decoder predicts from the features what `spectra.split_continuum` makes of the
    whole spectrum, a form in which bright and faint galaxies count alike.
    """

    def __init__(self, encoder: Encoder, settings: dict, n_train: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.chunks, self.width = settings["masked_chunks"], settings["chunk_bins"]
        self.decoder = (
            nn.Identity()
            if isinstance(encoder, Specformer)
            else nn.Sequential(
                nn.Linear(encoder.n_features, HIDDEN),
                nn.ReLU(),
                nn.Linear(HIDDEN, spectra.N_CHANNELS * spectra.N_BINS),
            )
        )

    def forward(self, batch: dict[str, Tensor], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Compute the loss, and that of filling in zeros.

        Parameters
        ----------
        batch : dict
            `spectrum` (n, 7781) and `z` (n,).
        generator : torch.Generator
            For the places of the chunks.

        Returns
        -------
        loss, chance : Tensor of shape ()
        """
        fill_in = self._tokens if isinstance(self.encoder, Specformer) else self._channels
        found, wanted, masked = fill_in(batch["spectrum"], batch["z"], generator)
        # zeros are padding of a token, or bins without data
        counted = (masked & (wanted != 0)).float()
        squares = counted.sum().clamp(min=1)
        return ((found - wanted).square() * counted).sum() / squares, (
            wanted.square() * counted
        ).sum() / squares

    def _tokens(self, flux: Tensor, z: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        with torch.no_grad(), torch.autocast(flux.device.type, enabled=False):
            (wanted,) = self.encoder.prepare(flux)
            masked = chunk_mask(
                *wanted.shape[:2], chunks=self.chunks, width=self.width // spectra.STRIDE, generator=generator
            ).to(flux.device)[:, :, None]
        found = self.encoder.head(self.encoder.encode(wanted * ~masked))
        return found.float(), wanted, masked

    def _channels(self, flux: Tensor, z: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        with torch.no_grad(), torch.autocast(flux.device.type, enabled=False):
            hidden = chunk_mask(*flux.shape, chunks=self.chunks, width=self.width, generator=generator).to(
                flux.device
            )
            wanted, _ = spectra.split_continuum(flux)
            even = tables.N_WAVELENGTH // 2 * 2
            masked = hidden[:, :even].view(len(flux), 1, spectra.N_BINS, 2).all(3)
        found = self.decoder(self.encoder(flux * ~hidden, z)).view_as(wanted)
        return found.float(), wanted, masked

    def exported(self) -> dict[str, Tensor]:
        """Give the weights to be kept: those of the encoder.

        Returns
        -------
        dict of str to Tensor
        """
        return self.encoder.state_dict()


def chunk_mask(n: int, length: int, *, chunks: int, width: int, generator: torch.Generator) -> Tensor:
    """Choose a chunk at random in each of as many equal parts of a sequence.

    Parameters
    ----------
    n : int
        Sequences, each with its own draws.
    length : int
    chunks : int
        Parts of the sequence; a chunk begins and ends in its part.
    width : int
        Length of a chunk.
    generator : torch.Generator

    Returns
    -------
    Tensor of shape (n, length), bool
        True within chunks.
    """
    device = generator.device
    part = torch.arange(chunks, device=device) * length // chunks
    room = length // chunks - width
    start = part + torch.randint(room, (n, chunks), generator=generator, device=device)
    place = torch.arange(length, device=device)
    inside = (place >= start[..., None]) & (place < start[..., None] + width)  # (n, chunks, length)
    return inside.any(1)
