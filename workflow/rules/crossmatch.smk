rule crossmatch:
    input:
        ledger="results/{run}/dataset/ledger.parquet",
        provabgs=catalogue(),
        code=code("crossmatch"),
    output:
        properties="results/{run}/crossmatch/properties.parquet",
        losses="results/{run}/crossmatch/losses.csv",
    log:
        "logs/{run}/crossmatch.log",
    benchmark:
        "logs/{run}/crossmatch.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/crossmatch.py"
