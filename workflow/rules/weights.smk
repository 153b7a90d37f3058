rule weights:
    input:
        tracked=lambda wildcards: existing(published_file(wildcards.name)["path"]),
    output:
        file="results/{run}/weights/{name}.ckpt",
        record="results/{run}/weights/{name}.ckpt.source.json",
    log:
        "logs/{run}/weights_{name}.log",
    benchmark:
        "logs/{run}/weights_{name}.benchmark.tsv"
    wildcard_constraints:
        name="|".join(published_weights()),
    localrule: True
    conda:
        "../../envs/fetch.yaml"
    resources:
        mem_mb=1000,
    params:
        name=lambda wildcards: wildcards.name,
        entry=lambda wildcards: published_file(wildcards.name),
        folder=config["download"]["folder"],
    script:
        "../scripts/weights.py"
