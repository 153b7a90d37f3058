"""Where redshifts are read off the encoders, and what is left of neighbours then."""

import json

from galaxypair import reading


def _described(folder):
    """What the config of a model or a pretrained encoder of another run says, if it is there."""
    path = Path("results", folder, "config.json")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def reads_redshifts():
    """Whether the model's encoders read redshifts, as far as the config, or what is borrowed, tells."""
    return reading.reads_redshifts(config, _described)


def own_readout():
    """The readout of the user's own galaxies, where there is one."""
    return "results/{run}/readout/test.parquet" if reads_redshifts() else []


def reference_run():
    """The run whose galaxies are compared with the user's; none comes with the starter model."""
    return None if config["model"]["from_run"] == STARTER else trained_run()
