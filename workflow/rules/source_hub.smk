include: "download.smk"


rule hub:
    input:
        code=code("ledger", "published/hub", "published/verdicts"),
        tracked=existing(config["hub"]["dataset"]),
    output:
        joint="results/{run}/survey/joint.h5",
        catalogue="results/{run}/survey/catalogue.parquet",
    log:
        "logs/{run}/hub.log",
    benchmark:
        "logs/{run}/hub.benchmark.tsv"
    localrule: True
    conda:
        "../../envs/fetch.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=config["hub"],
    script:
        "../scripts/hub.py"
