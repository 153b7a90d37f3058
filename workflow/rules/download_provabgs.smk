rule download_provabgs:
    input:
        tracked=existing(config["download"]["provabgs"]),
    output:
        provabgs="results/{run}/survey/provabgs.hdf5",
    log:
        "logs/{run}/download_provabgs.log",
    benchmark:
        "logs/{run}/download_provabgs.benchmark.tsv"
    localrule: True
    conda:
        "../../envs/fetch.yaml"
    params:
        settings=config["download"],
    script:
        "../scripts/download_provabgs.py"
