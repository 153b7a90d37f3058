"""The image that `--sdm apptainer` runs the jobs in: the one that the user built from containers/apptainer.def."""

from snakemake.settings.types import DeploymentMethod

_IMAGE = _ROOT / "containers" / "galaxypair.sif"

if (
    DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method
    and not _IMAGE.exists()
):
    raise WorkflowError(
        f"`{_IMAGE}`: no such file, but `--sdm apptainer` runs the jobs in it. Build it, in the folder of the "
        "repository: `apptainer build containers/galaxypair.sif containers/apptainer.def`."
    )

# named from the working directory where it lies in it: a folder that is moved does not look changed
_NAMED = _IMAGE.relative_to(Path.cwd()) if _IMAGE.is_relative_to(Path.cwd()) else _IMAGE


container: str(_NAMED)
