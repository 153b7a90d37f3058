"""What is looked at before Snakemake executes: rights, others at work on the run, and the clock."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galaxypair import clocks, errors, presence

LEAST_BYTES = 1_000_000  # free on a disk: Snakemake's own notes take some hundred kB


def guard(workflow: Any, run: str, say: Callable[[str], None], refusal: type[Exception]) -> Callable:
    """Give a workflow's `execute` that starts only where it can go on, and is known to be at work.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
    run : str
    say : callable
        Shows a line to the user.
    refusal : type of exception
        What Snakemake prints without a traceback.

    Returns
    -------
    callable
        A dry run, or one that only touches files, is left as it is.
    """
    execute, written = workflow.execute, (Path("results", run), Path("logs", run))

    def execute_guarded(**settings: Any) -> Any:
        common = settings["executor_plugin"].common_settings
        try:
            if not workflow.is_main_process:  # but in a job of a batch system
                presence.join(run, "Snakemake in a job")
            elif workflow.execution_settings.lock and not (common.dryrun_exec or common.touch_exec):
                for folder in (presence.SNAKEMAKE, *written):
                    _check_writable(folder)
                presence.enter(run, say)
                clocks.set_back(written, say)
        except errors.DataError as err:
            raise refusal(str(err)) from None
        try:
            return execute(**settings)
        except Exception as err:
            known = errors.as_users_error(err)  # of what Snakemake itself writes
            if known is None:
                raise
            raise refusal(str(known)) from None
        finally:
            presence.leave()

    return execute_guarded


def _check_writable(folder: Path) -> None:
    """Stop if nothing can be written to a folder or, as long as it is not there, to the next one above."""
    found = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(found, os.W_OK | os.X_OK):
        raise errors.DataError(
            f"`{found}`: nothing can be written here: the file system is read-only, or you lack the right. "
            "Mount it for writing, change its rights (`chmod u+w`), or work in another folder "
            "(`--directory`), then run the same command again."
        )
    if shutil.disk_usage(found).free < LEAST_BYTES:
        logging.raiseExceptions = False  # nor can Snakemake's log be written, which it would say at length
        raise errors.DataError(f"`{found}`: {errors.DISK_FULL}")
