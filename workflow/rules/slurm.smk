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
