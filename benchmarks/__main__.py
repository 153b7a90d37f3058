"""Run every benchmark in a process of its own; print one table of their last lines.

`python -m benchmarks` runs all, `python -m benchmarks simulate zeroshot` those named.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(script: Path) -> tuple[str, float, bool]:
    """Last line that a benchmark prints, seconds that it takes, and whether it succeeds."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return lines[-1] if lines else "", time.monotonic() - start, done.returncode == 0


def main() -> None:
    scripts = {path.stem: path for path in sorted(HERE.glob("*.py")) if not path.stem.startswith("_")}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(scripts)}; default: all")
    chosen = parser.parse_args().names or list(scripts)
    if unknown := sorted(set(chosen) - set(scripts)):
        parser.error(f"no benchmark `{unknown[0]}`; there are: {', '.join(scripts)}")
    width, failed = max(map(len, chosen)), []
    for name in chosen:
        print(f"{name:{width}}  ", end="", flush=True)
        line, seconds, succeeded = run(scripts[name])
        print(f"{line if succeeded else f'FAILED: {line}'}  [{seconds:.0f} s]")
        if not succeeded:
            failed.append(name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
