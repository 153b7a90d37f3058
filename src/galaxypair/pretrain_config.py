"""Checking of the configuration: what is set for a pretraining."""

from galaxypair import tables
from galaxypair.frozen import PRETRAINABLE, starts_from


def pretraining_contradictions(config: dict) -> list[str]:
    """Find settings of a pretraining that do not go together.

    Parameters
    ----------
    config : dict
        That fits the schema.

    Returns
    -------
    list of str
        Each says what is wrong and what to do.
    """
    lines = [
        f"`model.{m}.pretrained` is set, but the encoder {config['model'][m]['encoder']} cannot be "
        f"pretrained here; choose false, or one of the encoders {', '.join(known)}."
        for m, known in PRETRAINABLE.items()
        if starts_from(config["model"][m]) and config["model"][m]["encoder"] not in known
    ]
    spectrum = config["pretrain"]["spectrum"]
    part = tables.N_WAVELENGTH // 10 // spectrum["masked_chunks"] * 10
    if spectrum["chunk_bins"] >= part:
        lines.append(
            f"`pretrain.spectrum.chunk_bins` is {spectrum['chunk_bins']}, but with `masked_chunks` "
            f"{spectrum['masked_chunks']} a part of the spectrum has {part} bins; choose less of either."
        )
    if config["pretrain"]["image"]["jitter_px"] * 2 > config["model"]["image"]["crop_px"]:
        lines.append(
            f"`pretrain.image.jitter_px` is {config['pretrain']['image']['jitter_px']}, which moves galaxies "
            "out of the crop; choose less."
        )
    return lines


def stream_contradictions(config: dict) -> list[str]:
    """Find settings of a stream to pretrain on that do not go together.

    Parameters
    ----------
    config : dict
        That fits the schema.

    Returns
    -------
    list of str
        As of `pretraining_contradictions`.
    """
    stream = config["pretrain"]["stream"]
    galaxies, of_round = stream["galaxies"], stream["round_galaxies"]
    lines = []
    for m in tables.MODALITIES:
        if config["pretrain"][m]["objective"] != "simulator_truth":
            continue
        told = f"`pretrain.{m}.objective` is simulator_truth, which"
        if galaxies is None:
            lines.append(f"{told} needs galaxies whose truth is known: set `pretrain.stream.galaxies`.")
        if config["model"][m]["encoder"] != "compact":
            lines.append(f"{told} trains the encoder compact alone; choose that in `model.{m}.encoder`.")
    if galaxies is None or galaxies % of_round == 0:
        return lines
    return [
        *lines,
        f"`pretrain.stream.galaxies` is {galaxies}, no multiple of the `round_galaxies` of {of_round}; "
        f"choose {-(-galaxies // of_round) * of_round}, or other rounds.",
    ]
