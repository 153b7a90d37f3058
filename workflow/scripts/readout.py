"""Read redshift, stellar mass and confidence of one split off encoders that were pretrained to tell them."""

from stage import stage

from pathlib import Path

import torch

from galaxypair import io
from galaxypair.model import PairModel
from galaxypair.readout import COLUMNS, read_batches
from galaxypair.runtime import Progress


def readout(manifest: Path, table: Path, split: str, model: Path, batch_size: int, threads: int = 1) -> None:
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pair = PairModel.from_pretrained(model).to(device)
    listed = io.read_manifest(manifest)
    batches = io.iter_shards(listed, COLUMNS, split=split, batch_rows=batch_size)
    progress = Progress(listed["splits"][split])
    io.write_parts(read_batches(pair, io.prefetch(batches), progress), table)


if __name__ == "__main__":
    stage(readout)
