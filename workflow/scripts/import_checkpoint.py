"""Turn a published checkpoint of a whole model into one of this workflow."""

from stage import stage

import json
from pathlib import Path

from galaxypair import imported, io, model


def import_checkpoint(
    *, weights: Path, config: Path, checkpoint: Path, model_settings: dict, run: str
) -> None:
    made, exported = imported.import_model(checkpoint, model_settings)
    model.save(made, weights)
    exported = {"run": run, **exported}
    io.write_text(json.dumps(exported, indent=1) + "\n", config)


if __name__ == "__main__":
    stage(import_checkpoint)
