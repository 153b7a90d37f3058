"""Where redshifts are read off the encoders, and what is left of neighbours then."""

import json

from galaxypair import reading


def reads_redshifts():
    """Whether the model's encoders read redshifts, as far as the config, or the model that is borrowed, tells."""
    borrowed = Path(f"results/{config['model']['from_run']}/model/config.json")
    known = json.loads(borrowed.read_text()) if borrowed.exists() else None
    return reading.reads_redshifts(config, known)


def own_readout():
    """The readout of the user's own galaxies, where there is one."""
    return "results/{run}/readout/test.parquet" if reads_redshifts() else []


def reference_run():
    """The run whose galaxies are compared with the user's; none comes with the starter model."""
    return None if config["model"]["from_run"] == reading.STARTER else trained_run()
