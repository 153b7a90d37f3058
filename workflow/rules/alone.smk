"""One Snakemake a run: the lock of a killed one is released, a living one is named; no rules."""

from galaxypair import presence
from galaxypair.errors import DataError
from snakemake.logging import logger

_execute = workflow.execute


def _execute_alone(**settings):
    """Execute unless another Snakemake works on the run; before this call nothing tells of a dry run."""
    common = settings["executor_plugin"].common_settings
    pretends = common.dryrun_exec or common.touch_exec
    try:
        if not workflow.is_main_process:  # but in a job of a batch system
            presence.join(config["run"], "Snakemake in a job")
        elif workflow.execution_settings.lock and not pretends:
            presence.enter(config["run"], logger.info)
        return _execute(**settings)
    except DataError as err:
        raise WorkflowError(str(err)) from None
    finally:
        presence.leave()


workflow.execute = _execute_alone
