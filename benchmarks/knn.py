"""Time and memory of the search for nearest neighbours, by number of references.

`python benchmarks/knn.py [--queries 5000] [--references 10000 40000 160000] [--device cuda]`: random unit
vectors, each size in a process of its own. Without --device as in the workflow: on the GPU if there is
one, else by scikit-learn; `--device cpu` is PyTorch without a GPU. Memory is what the search adds to the
vectors: of the process, and of the GPU. The figures are printed last.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from galaxypair import io, knn


def measure(n: int, arguments: argparse.Namespace) -> tuple[float, float, float]:
    """Seconds, and peak memory [MB] of process and GPU beyond the vectors."""
    rng = np.random.default_rng(0)
    references, queries = (
        io.unit(rng.standard_normal((size, arguments.dim), np.float32)) for size in (n, arguments.queries)
    )
    knn.nearest(references[:100], queries[:10], 5, device=arguments.device)  # imports
    before, start = peak_mb(), time.perf_counter()
    knn.nearest(references, queries, arguments.k, device=arguments.device)
    return time.perf_counter() - start, peak_mb() - before, gpu_peak_mb()


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def gpu_peak_mb() -> float:
    torch = sys.modules.get("torch")
    return torch.cuda.max_memory_allocated() / 1e6 if torch and torch.cuda.is_available() else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--references", type=int, nargs="+", default=[10_000, 40_000, 160_000])
    parser.add_argument("--queries", type=int, default=5_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--k", type=int, default=16)
    parser.add_argument("--device", help="of PyTorch: cuda or cpu; default: as the workflow chooses")
    arguments = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", os.cpu_count())
    found = []
    for n in arguments.references:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, memory, gpu = pool.apply(measure, (n, arguments))
        found.append(
            f"{n:,}: {seconds:.1f} s, {arguments.queries / seconds:,.0f} queries/s, {memory:.0f} MB"
            + (f" + {gpu:.0f} MB of the GPU" if gpu else "")
        )
    print(
        f"{arguments.queries:,} queries x references x {arguments.dim} dimensions, k = {arguments.k}, "
        f"{arguments.device or knn.backend()}, {threads} threads: {'; '.join(found)}"
    )


if __name__ == "__main__":
    main()
