"""One of several processes that train a model, started by `distributed.launch`."""

import json
import sys
from contextlib import nullcontext
from pathlib import Path

from galaxypair import distributed, train, training


def main(request: Path) -> None:
    """Train as this process's share of a training.

    Parameters
    ----------
    request : Path
        From `distributed.launch`.
    """
    asked = json.loads(request.read_text(encoding="utf-8"))
    folder, environment = request.parent, distributed.environment()
    rank = environment.global_rank()
    with distributed.worker(folder, rank):
        # the script's lock ends with it, perhaps a moment before this process does
        with training.only_writer(folder, "writer") if rank == 0 else nullcontext():
            train.run(
                {**asked["manifest"], "paths": [Path(path) for path in asked["manifest"]["paths"]]},
                folder,
                asked["model_settings"],
                asked["settings"],
                processes=distributed.Processes(**asked["processes"]),
                environment=environment,
                threads=asked["threads"],
                weights={modality: Path(path) for modality, path in asked["weights"].items()},
                cached={split: Path(path) for split, path in asked["cached"].items()},
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
