"""Measure what the leak check finds of the mock's own repeats, if preprocess leaves them in.

`python benchmarks/leaks.py [--galaxies N] [--repeats SHARE] [--processes N] [--folder F]` simulates a
survey, cuts it without dropping any repeat, and searches it with the settings of `config/config.yaml`.
A pair is right if `truth.hdf5` says that both rows observe one galaxy. Recall is of the repeats that a
kind is there to find: those of the same TARGETID by TARGETID and by identical image, those of another
one, moved by less than a pixel, by place and by similar image. The default size is the demo's; the folder
needs 0.5 MB per galaxy. The figures are printed last.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import yaml

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO / "src"))

from galaxypair import io, leaks, preprocess, quality
from galaxypair.mock import survey
from galaxypair.mock.library import average_grids, find_grids, write_library

CONFIG = yaml.safe_load((REPO / "config/config.yaml").read_text(encoding="utf-8"))
# kind of leak: whether the repeats that it is there to find have another TARGETID
MEANT = {"same_targetid": False, "same_position": True, "identical_image": False, "similar_image": True}


def make_dataset(folder: Path, n: int, repeats: float, processes: int) -> dict:
    """Simulate and cut a survey, repeats and all: the manifest."""
    write_library(average_grids(find_grids(None)), folder / "library.h5")
    settings = survey.SurveySettings(n, 1, 0.15, 0.025, repeats, 0.65)
    files = {name: folder / f"{name}.h5" for name in ("joint", "provabgs", "truth")}
    survey.write_survey(settings, folder / "library.h5", **files, processes=processes)
    cuts = quality.Cuts(**CONFIG["preprocess"])
    with mock.patch.object(preprocess.duplicates, "find_duplicates", lambda *_: {}):
        _, manifest = preprocess.build_dataset(
            files["joint"], folder, cuts, CONFIG["split"], {}, processes=processes
        )
    return {**manifest, "paths": [folder / shard["name"] for shard in manifest["shards"]]}


def true_pairs(galaxies: dict[str, np.ndarray], truth: np.ndarray) -> set[tuple[int, int]]:
    """Rows of different splits that observe one galaxy, lower row first."""
    observed = np.where(truth["repeats"] < 0, truth["targetid"], truth["repeats"])
    first = dict(zip(truth["targetid"].tolist(), observed.tolist(), strict=True))
    key = np.array([first[target] for target in galaxies["targetid"].tolist()])
    everyone = np.ones(len(key), bool)
    return as_set(leaks.equal_keys("same_galaxy", key, galaxies["split"], everyone, len(key) ** 2))


def as_set(pairs: leaks.Pairs) -> set[tuple[int, int]]:
    ordered = np.sort(np.stack([pairs.first, pairs.second], axis=1), axis=1)
    return set(map(tuple, ordered.tolist()))


def score(found: list[leaks.Pairs], galaxies: dict[str, np.ndarray], truth: np.ndarray) -> list[str]:
    true, target = true_pairs(galaxies, truth), galaxies["targetid"]
    lines = []
    for pairs in found:
        if pairs.kind in MEANT:
            wanted = {(a, b) for a, b in true if (target[a] != target[b]) == MEANT[pairs.kind]}
            listed = as_set(pairs)
            precision = len(listed & true) / max(len(listed), 1)
            recall = len(listed & wanted) / max(len(wanted), 1)
            figures = f"precision {precision:.3f} of {len(listed)}, recall {recall:.3f} of {len(wanted)}"
            lines.append(f"{pairs.kind} {figures}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--galaxies", type=int, default=CONFIG["simulate"]["n_galaxies"])
    parser.add_argument("--repeats", type=float, default=0.18, help="share of repeats; default: 0.18")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, help="where the survey is written; default: the system's")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        manifest = make_dataset(folder, chosen.galaxies, chosen.repeats, chosen.processes)
        sky, truth = io.read_positions(folder / "provabgs.h5"), io.read_arrays(folder / "truth.h5")["truth"]
        search = replace(leaks.Search(**CONFIG["leaks"]), max_pairs=chosen.galaxies)
        start, before = time.monotonic(), sum(os.times()[:4])
        found, galaxies = leaks.find_pairs(
            manifest, sky, search, CONFIG["preprocess"]["match_radius_arcsec"],
            threads=chosen.processes, folder=folder,
        )  # fmt: skip
        seconds, cpu = time.monotonic() - start, sum(os.times()[:4]) - before
        lines = score(found, galaxies, truth)
    print(
        f"leak check on {len(galaxies['split']):,} galaxies: {'; '.join(lines)}; "
        f"{seconds:.0f} s on {chosen.processes} cores, {cpu:.0f} s of CPU"
    )


if __name__ == "__main__":
    main()
