"""Before the first job: one Snakemake a run, a killed one's lock released, no dates in the future; no rules."""

from galaxypair import start
from snakemake.logging import logger

# not at once: only when it executes is it known whether this is a dry run
workflow.execute = start.guard(workflow, config["run"], logger.info, WorkflowError)
