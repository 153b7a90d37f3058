rule download:
    input:
        tracked=lambda wildcards: existing(published_file(wildcards.survey)["path"]),
    output:
        file="results/{run}/survey/{survey}",
        record="results/{run}/survey/{survey}.source.json",
    log:
        "logs/{run}/download_{survey}.log",
    benchmark:
        "logs/{run}/download_{survey}.benchmark.tsv"
    wildcard_constraints:
        survey="|".join(fetched_survey()),
    localrule: True
    conda:
        "../../envs/fetch.yaml"
    resources:
        mem_mb=1000,
    params:
        name=lambda wildcards: Path(wildcards.survey).stem,
        entry=lambda wildcards: published_file(wildcards.survey),
        folder=config["download"]["folder"],
    script:
        "../scripts/download.py"
