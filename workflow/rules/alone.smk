"""One Snakemake a run: the lock of a killed one is released, a living one is named; no rules."""

from galaxypair import presence
from snakemake.logging import logger

# before it executes nothing tells of a dry run
workflow.execute = presence.guard(workflow, config["run"], logger.info, WorkflowError)
