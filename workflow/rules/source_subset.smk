include: "download.smk"


rule subset:
    input:
        tracked=existing(joint_url()),
        code=code("fetch/subset"),
    output:
        joint="results/{run}/survey/joint.h5",
        record="results/{run}/survey/joint.source.json",
    log:
        "logs/{run}/subset.log",
    benchmark:
        "logs/{run}/subset.benchmark.tsv"
    localrule: True
    conda:
        "../../envs/fetch.yaml"
    resources:
        mem_mb=1000,
    params:
        url=joint_url(),
        instead=published_file("joint")["instead"],
        settings=config["subset"],
        train_fraction=config["split"]["train_fraction"],
    script:
        "../scripts/subset.py"
