"""Diagrams of how a run works: its encoders, contrastive learning, and clustering by density."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from galaxypair.figures import style
from galaxypair.figures.galaxies import draw_cutout, draw_spectrum
from galaxypair.io import Embeddings

NAMES = {
    "Conv1d": "convolution",
    "Conv2d": "convolution",
    "Linear": "linear",
    "MaxPool2d": "max pooling",
    "AdaptiveAvgPool2d": "mean over pixels",
    "ResidualBlock": "residual block",
    "Bottleneck": "residual block",
    "Block": "transformer block",
    "PatchEmbed": "patches to tokens",
    "Embedding": "positions",
    "MultiheadAttention": "attention of a query",
    "CrossAttention": "attention of a query",
    "WideMLP": "two linear layers",
    "Parameter": "further parameters",
}
BOX_IN, ROW_IN = 0.27, 0.4  # height of a box, and from one to the next
PAIRS = 5  # in the diagram of contrastive learning
SCHEMATIC_SEED = 3
SCHEMATIC_EPS = 0.16  # in units of the panel


@style.styled
def encoder(layers: pd.DataFrame, modality: str, gallery: Mapping[str, np.ndarray], crop_px: int) -> Figure:
    """Draw one tower from its input to the embedding, a box per layer or row of alike blocks.

    Parameters
    ----------
    layers : pandas.DataFrame
        `tables.LAYER_COLUMNS`.
    modality : {"image", "spectrum"}
    gallery : mapping of str to ndarray
        At least one galaxy: the input shown.
    crop_px : int
        Side of the cutout that is looked at.

    Returns
    -------
    matplotlib.figure.Figure
    """
    own = layers[layers["modality"] == modality]
    note = f"{modality} tower: {own['parameters'].sum():,} parameters"
    top = 1.0 if modality == "image" else 0.95
    height = top + 0.1 + ROW_IN * len(own) + 0.1
    figure = style.new_figure(style.COLUMN_IN, height, note, fixed=True)
    shape = f"3 × {crop_px} × {crop_px}" if modality == "image" else "7781"
    if modality == "image":
        side = gallery["image"].shape[1]
        cut = slice((side - crop_px) // 2, (side + crop_px) // 2)
        draw_cutout(style.place(figure, 0.92, 0.05, 0.8, 0.8), gallery["image"][0][cut, cut])
    else:
        axes = style.place(figure, 0.32, 0.1, 2.0, 0.65)
        draw_spectrum(axes, gallery["spectrum"][0], bins=9, raw=False, colour=style.INK)
        style.blank(axes)
    style.write(figure, shape, 2.42, 0.45, va="center", ha="left", fontsize=7)
    axes = _canvas(figure, top, height)
    for i, row in enumerate(own.itertuples()):
        y = top + 0.1 + i * ROW_IN
        colour = style.MODALITY_COLOURS[modality] if row.part == "encoder" else style.MODALITY_COLOURS["both"]
        name = NAMES.get(row.layer, row.layer)
        text = name if row.count == 1 else f"{row.count} × {name}"
        _box(axes, (0.32, y), (2.0, BOX_IN), f"{text}  \N{MIDDLE DOT}  {_short(row.parameters)}", colour)
        axes.text(2.42, y + BOX_IN / 2, row.shape, va="center", ha="left", fontsize=7)
        _arrow(axes, (1.32, y - ROW_IN + BOX_IN), (1.32, y))
        if i == 0 or row.part != own["part"].iloc[i - 1]:
            n = (own["part"] == row.part).sum()
            middle = y + (n * ROW_IN - (ROW_IN - BOX_IN)) / 2
            axes.text(0.16, middle, row.part, rotation=90, va="center", ha="center", fontsize=7, color=colour)
    return figure


def pairs(embeddings: Embeddings, examples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose galaxies with both modalities, and compare all their images with all their spectra.

    Parameters
    ----------
    embeddings : Embeddings
    examples : ndarray of shape (n,), int64
        TARGETIDs in the order of preference.

    Returns
    -------
    targetid : ndarray of shape (m,), int64
        At most five.
    cosines : ndarray of shape (m, m)
        Of image i and spectrum j.
    """
    rows = pd.Index(embeddings.targetid).get_indexer(examples)
    unit = [embeddings.unit[modality][rows] for modality in ("image", "spectrum")]
    whole = np.flatnonzero((rows >= 0) & np.isfinite(unit[0] + unit[1]).all(axis=1))[:PAIRS]
    return examples[whole], unit[0][whole] @ unit[1][whole].T


@style.styled
def contrast(gallery: Mapping[str, np.ndarray], cosines: np.ndarray, towers: Mapping[str, str]) -> Figure:
    """Draw contrastive learning: pairs, their two towers, and the cosines of all with all.

    Parameters
    ----------
    gallery : mapping of str to ndarray
        Galaxies with both modalities.
    cosines : ndarray of shape (n, n)
        Of the embedding of image i with that of spectrum j of these galaxies.
    towers : mapping of modality to str
        What stands in each tower's box.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n = len(cosines)
    if n < 2:
        return style.empty("Fewer than two galaxies with image and spectrum to show.")
    cell, left, top = 0.66, 2.5, 1.75
    note = f"{style.count(n, 'example galaxies')}; cosines of their embeddings"
    height = top + n * cell + 0.45
    figure = style.new_figure(left + n * cell + 1.0, height, note, fixed=True)
    axes = _canvas(figure, 0, height)
    for i in range(n):
        draw_cutout(style.place(figure, 0.12, top + i * cell, cell - 0.06, cell - 0.06), gallery["image"][i])
        _arrow(axes, (0.76, top + (i + 0.45) * cell), (0.98, top + (i + 0.45) * cell))
        _arrow(axes, (2.2, top + (i + 0.45) * cell), (left - 0.03, top + (i + 0.45) * cell))
        panel = style.place(figure, left + i * cell, 0.12, cell - 0.06, 0.5)
        draw_spectrum(panel, gallery["spectrum"][i], bins=25, raw=False, colour=style.INK)
        style.blank(panel)
        _arrow(axes, (left + (i + 0.45) * cell, 0.65), (left + (i + 0.45) * cell, 0.83))
        _arrow(axes, (left + (i + 0.45) * cell, 1.53), (left + (i + 0.45) * cell, top - 0.03))
    _box(axes, (1.0, top), (1.18, n * cell - 0.06), towers["image"], style.MODALITY_COLOURS["image"])
    _box(axes, (left, 0.85), (n * cell - 0.06, 0.66), towers["spectrum"], style.MODALITY_COLOURS["spectrum"])
    panel = style.place(figure, left, top, n * cell - 0.06, n * cell - 0.06)
    shown = panel.imshow(cosines, cmap="cividis", vmin=-1, vmax=1, aspect="auto", origin="upper")
    for i, row in enumerate(cosines):
        for j, value in enumerate(row):
            colour = "white" if value < 0.3 else "black"
            weight = "bold" if i == j else "normal"
            text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
            panel.text(j, i, text, ha="center", va="center", fontsize=7, color=colour, fontweight=weight)
    style.blank(panel)
    bar = figure.colorbar(shown, cax=style.place(figure, left + n * cell + 0.08, top, 0.1, n * cell - 0.06))
    bar.set_label("cosine", labelpad=2)
    below = "Training raises the diagonal, of pairs,\nagainst the rest of its row and column."
    style.write(figure, below, left, top + n * cell + 0.02, va="top", ha="left", fontsize=7)
    return figure


@style.styled
def density_clusters(min_samples: int) -> Figure:
    """Draw on made points how DBSCAN tells cores, borders and noise.

    Parameters
    ----------
    min_samples : int
        Points within eps, itself included, that make a core.

    Returns
    -------
    matplotlib.figure.Figure

    References
    ----------
    Ester et al. 1996, KDD-96, 226.
    """
    rng = np.random.default_rng(SCHEMATIC_SEED)
    per_island = max(3 * min_samples, 12)
    islands = [rng.normal(centre, 0.085, (per_island, 2)) for centre in ((0.3, 0.62), (0.72, 0.36))]
    points = np.clip(np.concatenate([*islands, [[0.9, 0.86], [0.1, 0.14], [0.44, 0.1]]]), 0.02, 0.98)
    near = np.linalg.norm(points[:, None] - points[None], axis=2) <= SCHEMATIC_EPS
    core = near.sum(axis=1) >= min_samples
    border = ~core & (near & core[None]).any(axis=1)
    figure = style.new_figure(style.COLUMN_IN, 3.2, f"{len(points)} made points, no galaxies")
    axes = figure.subplots()
    looks = (
        (f"core: at least {min_samples} within ε", core, "o", style.MODALITY_COLOURS["image"]),
        ("border: within ε of a core", border, "s", style.MODALITY_COLOURS["spectrum"]),
        ("noise: neither", ~core & ~border, "x", style.GREY),
    )
    for label, chosen, marker, colour in looks:
        axes.plot(*points[chosen].T, marker, ms=4, color=colour, label=label)
        if chosen.any():  # of cores the most central, of the others the loneliest
            crowd = np.where(chosen, near.sum(axis=1), np.nan)
            at = points[np.nanargmax(crowd) if label.startswith("core") else np.nanargmin(crowd)]
            axes.add_patch(Circle(at, SCHEMATIC_EPS, fill=False, ls="--", lw=0.7, ec=colour))
    axes.set(xlim=(-0.08, 1.08), ylim=(-0.08, 1.08), aspect="equal")
    style.blank(axes)
    figure.legend(loc="outside lower center", ncols=1)
    return figure


def _canvas(figure: Figure, top: float, height: float) -> Axes:
    """Axes over the whole figure, in inches from the upper left corner of what is below the header."""
    width = figure.get_size_inches()[0]
    axes = style.place(figure, 0, 0, width, height)
    axes.set(xlim=(0, width), ylim=(height, 0), zorder=-1)
    axes.axis("off")
    return axes


def _box(axes: Axes, at: tuple[float, float], size: tuple[float, float], text: str, colour: str) -> None:
    shape = FancyBboxPatch(
        at, *size, boxstyle="round,pad=0,rounding_size=0.04", fc=colour, ec=colour, alpha=0.18, lw=0.8
    )
    axes.add_patch(shape)
    middle = at[0] + size[0] / 2, at[1] + size[1] / 2
    axes.text(*middle, text, ha="center", va="center", fontsize=7, linespacing=1.4)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    look = {
        "arrowstyle": "-|>",
        "lw": 0.6,
        "color": style.GREY,
        "mutation_scale": 5,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.annotate("", end, start, arrowprops=look)


def _short(count: int) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)
