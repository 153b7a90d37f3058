"""Time and memory of the zero-shot search at the size of the published data.

`python benchmarks/zeroshot.py --queries 10000 --references 40000`: one pair of modalities, two
properties of which one is unknown for a third of the references, on random unit embeddings.
"""

import argparse
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from galaxypair import io, zeroshot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--references", type=int, default=40_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--k", type=int, default=16)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    references, queries = (
        io.unit(rng.normal(size=(n, arguments.dim)).astype(np.float32))
        for n in (arguments.references, arguments.queries)
    )
    labels = rng.normal(size=(arguments.references, 2))
    zeroshot.predict(references[:100], labels[:100], queries[:10], k=5)  # imports
    before = peak_mb()
    start = time.perf_counter()
    zeroshot.predict(references, labels[:, :1], queries, arguments.k)
    known = rng.random(arguments.references) < 2 / 3
    zeroshot.predict(references[known], labels[known, 1:], queries, arguments.k)
    seconds = time.perf_counter() - start
    threads = os.environ.get("OMP_NUM_THREADS", os.cpu_count())
    print(
        f"{arguments.queries:,} queries x {arguments.references:,} references x {arguments.dim} dimensions, "
        f"2 properties, {threads} threads: {seconds:.1f} s, {peak_mb() - before:.0f} MB more memory"
    )


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
