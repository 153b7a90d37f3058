"""Turn a published checkpoint of a whole model into one of this workflow."""

from stage import stage

import json
from pathlib import Path

from galaxypair import imported, io, model


def import_checkpoint(
    *, weights: Path, config: Path, card: Path, checkpoint: Path, model_settings: dict, run: str
) -> None:
    made, exported = imported.import_model(checkpoint, model_settings)
    model.save(made, weights)
    io.write_text(json.dumps({"run": run, **exported}, indent=1) + "\n", config)
    io.write_text(imported.card(run, exported), card)


if __name__ == "__main__":
    stage(import_checkpoint)
