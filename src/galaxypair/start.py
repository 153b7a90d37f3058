"""What is looked at before Snakemake executes: rights, others at work on the run, and the clock."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from galaxypair import clocks, presence
from galaxypair.errors import DataError


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
                    _refuse_unwritable(folder)
                presence.enter(run, say)
                clocks.set_back(written, say)
        except DataError as err:
            raise refusal(str(err)) from None
        try:
            return execute(**settings)
        finally:
            presence.leave()

    return execute_guarded


def _refuse_unwritable(folder: Path) -> None:
    """Stop at a folder that nothing can be written to, or the next one above that is there."""
    found = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(found, os.W_OK | os.X_OK):
        raise DataError(
            f"`{found}`: nothing can be written here: the file system is read-only, or you lack the right. "
            "Mount it for writing, change its rights (`chmod u+w`), or work in another folder "
            "(`--directory`), then run the same command again."
        )
