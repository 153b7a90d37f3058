"""Pack what a run pretrained and trained as the model that comes with the repository."""

from stage import stage

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file

from galaxypair import io
from galaxypair import starter as core
from galaxypair.io.checkpoints import write_weights


def pack_starter(
    *, weights: list[Path], others: list[Path], metrics: list[Path], recorded: list[Path],
    packed: list[Path], copied: list[Path], record: Path, settings: dict,
) -> None:  # fmt: skip
    for source, target in zip(weights, packed, strict=True):
        write_weights(core.in_half(load_file(source)), target)
    for source, target in zip(others, copied, strict=True):
        shutil.copyfile(source, target)
    files = {str(path.relative_to(record.parent)): path for path in (*packed, *copied)}
    scores = {path.stem: io.read_table(path) for path in metrics}
    made = core.record(files, recorded, settings, scores)
    io.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", record)


if __name__ == "__main__":
    stage(pack_starter)
