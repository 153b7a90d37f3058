"""What a pretraining is set to, and what is streamed to it."""


def streamed(modality):
    """What is streamed to pretrain on instead of the run's own train split; None if nothing is."""
    stream = config["pretrain"]["stream"]
    if not stream["galaxies"]:
        return None
    labelled = config["pretrain"][modality]["objective"] == "simulator_truth"
    others = stream["other_fraction"] if labelled else 0
    return stream | {
        "crop_px": config["preprocess"]["crop_px"],
        "other_fraction": others,
    }


def pretrain_settings(modality):
    """Settings of the pretraining of one modality's encoder."""
    shared = {key: config["train"][key] for key in ("accelerator", "precision")}
    shared |= {"seed": config["pretrain"]["seed"]}
    if stream := streamed(modality):
        shared |= {"epochs": stream["galaxies"] // stream["round_galaxies"]}
    return config["pretrain"][modality] | shared


def stream_mb(modality):
    """Memory of two rounds of a stream, of that for validation and of the processes that simulate."""
    if not (stream := streamed(modality)):
        return 0
    galaxies = 2 * stream["round_galaxies"] + stream["val_galaxies"]
    # of images in float16, which take more than spectra
    return int(6e-6 * galaxies * stream["crop_px"] ** 2) + 8000
