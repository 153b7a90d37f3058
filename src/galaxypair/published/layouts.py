"""Which columns hold what in files of embeddings that others publish, or that a user brings.

Of the standard library alone, since the rules read it while the DAG is drawn.
"""

import re
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from galaxypair import tables
from galaxypair.errors import DataError

SPLIT = "{split}"  # in a path: one file for each split


@dataclass(frozen=True)
class Layout:
    """Names of the columns of one kind of file.

    Attributes
    ----------
    name : str
        As in the config.
    targetid : str
    z : str or None
        None: the file has no redshifts.
    vectors : dict of modality to tuple of str
        One column of vectors, or numbered columns of single numbers.
    split : str or None
    pixels : tuple of (str, str)
        `image` and `spectrum` and their columns, if the file holds them.
    """

    name: str
    targetid: str
    z: str | None
    vectors: dict[str, tuple[str, ...]]
    split: str | None = None
    pixels: tuple[tuple[str, str], ...] = ()


PUBLISHED = (
    # `np.savez` of the reproduction's src/downstream.py: `spectra` are the embeddings of spectra
    Layout(
        "rep", "targetid", "redshifts", {"image": ("im_embeddings",), "spectrum": ("spectra",)},
        pixels=(("image", "images"), ("spectrum", "source_spec")),
    ),
    # AstroCLIP's downstream_tasks/similarity_search/embed_astroclip.py
    Layout(
        "official", "object_id", None,
        {"image": ("image_embeddings",), "spectrum": ("spectrum_embeddings",)},
    ),
    # AstroCLIP's downstream_tasks/property_estimation/embed_provabgs.py: PROVABGS with embeddings
    Layout(
        "official", "TARGETID", "Z_HP",
        {"image": ("astroclip_image_embeddings",), "spectrum": ("astroclip_spectrum_embeddings",)},
    ),
)  # fmt: skip


def recognise(
    path: Path, names: Collection[str], layout: str, modalities: Sequence[str] = tables.MODALITIES
) -> Layout:
    """Tell which columns of a file hold what.

    Parameters
    ----------
    path : Path
        Named in errors.
    names : collection of str
        Columns of the file.
    layout : {"auto", "rep", "official", "table"}
    modalities : sequence of str
        Those that the file must hold.

    Returns
    -------
    Layout

    Raises
    ------
    DataError
        If columns are missing.
    """
    known = [*PUBLISHED, _table(names)]
    wanted = [one for one in known if layout in ("auto", one.name)]
    lacks = [[name for name in _needed(one, modalities) if name not in names] for one in wanted]
    nearest, absent = min(zip(wanted, lacks, strict=True), key=lambda pair: len(pair[1]))
    if not absent:
        return nearest
    expected = "; or ".join(_describe(one, modalities) for one in wanted)
    hint = ""
    held = [m for m in modalities if any(set(one.vectors[m] or [""]) <= set(names) for one in wanted)]
    if 0 < len(held) < len(modalities):
        hint = (
            f" If it holds no others than those of the {held[0]}: `embeddings: {{modalities: [{held[0]}]}}`."
        )
    raise DataError(
        f"`{path}`: lacks {', '.join(f'`{name}`' for name in absent)} (layout {nearest.name}). It holds "
        f"{', '.join(sorted(names)) or 'no columns'}, expected {expected}. "
        f"Rename its columns, or check `embeddings.layout` ({layout}).{hint}"
    )


def _needed(layout: Layout, modalities: Sequence[str]) -> list[str]:
    vectors = (name for m in modalities for name in layout.vectors[m] or (f"{m}_embedding",))
    return [layout.targetid, *vectors, *([layout.z] if layout.z else [])]


def _table(names: Collection[str]) -> Layout:
    vectors = {modality: _vector_columns(names, f"{modality}_embedding") for modality in tables.MODALITIES}
    optional = (name if name in names else None for name in ("z", "split"))
    return Layout("table", "targetid", next(optional), vectors, next(optional))


def _vector_columns(names: Collection[str], name: str) -> tuple[str, ...]:
    if name in names:
        return (name,)
    numbered = [match for match in (re.fullmatch(rf"{name}_(\d+)", n) for n in names) if match]
    return tuple(match[0] for match in sorted(numbered, key=lambda match: int(match[1])))


def _describe(layout: Layout, modalities: Sequence[str]) -> str:
    vectors = (
        layout.vectors[m][0] if layout.vectors[m] else f"{m}_embedding (or {m}_embedding_0, ...)"
        for m in modalities
    )
    names = [layout.targetid, *([layout.z] if layout.z else []), *vectors]
    return f"{', '.join(names)} ({layout.name})"


def split_files(path: str) -> dict[str, str]:
    """List the files that a path of the config stands for.

    Parameters
    ----------
    path : str
        With `{split}` in it: one file for each split.

    Returns
    -------
    dict of str to str
        Split to path; "" if one file holds all galaxies.
    """
    return {s: path.replace(SPLIT, s) for s in tables.SPLITS} if SPLIT in path else {"": path}


def holds_pixels(path: str, layout: str) -> bool:
    """Tell whether figures can show the galaxies themselves: whether images and spectra are in the file.

    Parameters
    ----------
    path : str
        As in the config. If there is no such file yet, the layout decides.
    layout : str

    Returns
    -------
    bool
    """
    rep = PUBLISHED[0]
    if layout not in ("auto", rep.name) or SPLIT in path:
        return False
    if not Path(path).is_file():
        return layout == rep.name
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
    needed = [rep.targetid, *(column for _, column in rep.pixels)]
    return all(f"{name}.npy" in names for name in needed)
