include: "download_provabgs.smk"


rule download:
    input:
        tracked=existing(config["download"]["joint"]),
    output:
        joint="results/{run}/survey/joint.h5",
    log:
        "logs/{run}/download.log",
    benchmark:
        "logs/{run}/download.benchmark.tsv"
    localrule: True
    conda:
        "../../envs/fetch.yaml"
    params:
        settings=config["download"],
    script:
        "../scripts/download.py"
