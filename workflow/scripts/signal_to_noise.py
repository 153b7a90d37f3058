"""Estimate the signal-to-noise of the spectra of the test split from their fluxes."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.signal_to_noise import of_batches


def signal_to_noise(manifest: Path, table: Path) -> None:
    batches = io.iter_shards(
        io.read_manifest(manifest), ["targetid", "spectrum", "has_spectrum"], split="test"
    )
    io.write_table(of_batches(batches), table)


if __name__ == "__main__":
    stage(signal_to_noise)
