from snakemake.logging import logger


# in Snakemake's own process alone, which holds its lock by now; where files can be locked, it was done before
onstart:
    batch_system.cancel_left_over(config["run"], logger.info)


# snakemake --profile slurm cluster_requests: what would be asked for, by rule; nothing is submitted
rule cluster_requests:
    log:
        f"logs/{config['run']}/cluster_requests.log",
    retries: 0
    localrule: True
    conda:
        "../../envs/fetch.yaml"
    params:
        python=sys.executable,
        command=[word for word in sys.argv[1:] if word != "cluster_requests"],
        start=workflow.rundir,
        source=str(_ROOT / "src"),
    script:
        "../scripts/cluster_requests.py"
