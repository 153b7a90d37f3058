rule download:
    input:
        tracked=existing(config["download"]["joint"], config["download"]["provabgs"]),
    output:
        joint="results/{run}/survey/joint.h5",
        provabgs="results/{run}/survey/provabgs.hdf5",
    log:
        "logs/{run}/download.log",
    benchmark:
        "logs/{run}/download.benchmark.tsv"
    localrule: True
    conda:
        "../../envs/survey.yaml"
    params:
        settings=config["download"],
    script:
        "../scripts/download.py"
