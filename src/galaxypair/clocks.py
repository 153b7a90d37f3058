"""Files from the future, as a clock that was wrong leaves them: Snakemake goes by the dates of files."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def set_back(folders: Sequence[Path], say: Callable[[str], None]) -> None:
    """Date what lies in the future to now, in its order: else no file made now would be newer.

    Parameters
    ----------
    folders : sequence of Path
        With results and benchmarks, whose dates count too; they need not be there.
    say : callable
        Shows a line to the user.
    """
    now = time.time_ns()
    files = (path for folder in folders for path in folder.rglob("*") if not path.is_dir())
    dates = {path: path.lstat().st_mtime_ns for path in files}
    future = {path: date for path, date in dates.items() if date > now}
    if not future:
        return
    ranks = {date: rank for rank, date in enumerate(sorted(set(future.values()), reverse=True))}
    for path, date in future.items():
        anew = now - 1000 * ranks[date]
        os.utime(path, ns=(anew, anew), follow_symlinks=False)
    hours = (max(future.values()) - now) / 3.6e12
    say(
        f"The clock was ahead, or is behind now: {len(future)} files of the run were dated up to "
        f"{hours:.1f} hours in the future, and now are not. If you have changed other files since they were "
        "made, add `--forcerun` and the rules that read these."
    )


def refuse_future(path: Path, refusal: type[Exception]) -> None:
    """Stop at an input of the user's that no result could be newer than.

    Parameters
    ----------
    path : Path
        A file that is there.
    refusal : type of exception
        Raised if it is dated in the future; Snakemake's own is printed without a traceback.
    """
    ahead = path.stat().st_mtime - time.time()
    if ahead > 60:  # clocks of file servers differ by less
        raise refusal(
            f"`{path}`: dated {ahead / 3600:.1f} hours in the future, so that all that is made from it would "
            f"look older. If the clock of this machine is right, `touch {path}`, then run the same command "
            "again."
        )
