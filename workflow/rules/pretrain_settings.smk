"""What a pretraining is set to, and what is streamed to it."""


def streamed():
    """What is streamed to pretrain on instead of the run's own train split; None if nothing is."""
    stream = config["pretrain"]["stream"]
    crop = {"crop_px": config["preprocess"]["crop_px"]}
    return stream | crop if stream["galaxies"] else None


def pretrain_settings(modality):
    """Settings of the pretraining of one modality's encoder."""
    shared = {key: config["train"][key] for key in ("accelerator", "precision")}
    shared |= {"seed": config["pretrain"]["seed"]}
    if stream := streamed():
        shared |= {"epochs": stream["galaxies"] // stream["round_galaxies"]}
    return config["pretrain"][modality] | shared


def stream_mb():
    """Memory of two rounds of a stream, of that for validation and of the processes that simulate."""
    if not (stream := streamed()):
        return 0
    galaxies = 2 * stream["round_galaxies"] + stream["val_galaxies"]
    # of images in float16, which take more than spectra
    return int(6e-6 * galaxies * stream["crop_px"] ** 2) + 8000
