rule preprocess:
    input:
        joint="results/{run}/survey/joint.h5",
        provabgs=catalogue(),
        catalogue=(
            "results/{run}/survey/catalogue.parquet"
            if config["source"] in ("ingest", "hub", "mmu")
            else []
        ),
        modules=code(
            "duplicates", "ledger", "places", "preprocess", "quality", "splits"
        ),
    output:
        manifest="results/{run}/dataset/manifest.json",
        ledger="results/{run}/dataset/ledger.parquet",
    log:
        "logs/{run}/preprocess.log",
    benchmark:
        "logs/{run}/preprocess.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, threads, attempt: attempt * (1000 + 700 * threads),
    params:
        cuts=config["preprocess"],
        split=config["split"],
    script:
        "../scripts/preprocess.py"
