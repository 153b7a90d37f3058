rule leaks:
    input:
        manifest="results/{run}/dataset/manifest.json",
        ledger="results/{run}/dataset/ledger.parquet",
        provabgs=catalogue(),
        code=code("leaks", "lookalike_search", "lookalikes"),
    output:
        table="results/{run}/dataset/leaks.csv",
        pairs="results/{run}/dataset/leaks_pairs.parquet",
    log:
        "logs/{run}/leaks.log",
    benchmark:
        "logs/{run}/leaks.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 6000,  # 0.4 GB per process
    params:
        settings=config["leaks"],
        match_radius_arcsec=config["preprocess"]["match_radius_arcsec"],
    script:
        "../scripts/leaks.py"
