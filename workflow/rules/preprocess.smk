rule preprocess:
    input:
        joint="results/{run}/survey/joint.h5",
        provabgs="results/{run}/survey/provabgs.hdf5",
        catalogue=(
            "results/{run}/survey/catalogue.parquet"
            if config["source"] in ("ingest", "hub", "mmu")
            else []
        ),
        code=code("preprocess", "splits"),
    output:
        manifest="results/{run}/dataset/manifest.json",
        ledger="results/{run}/dataset/ledger.parquet",
    log:
        "logs/{run}/preprocess.log",
    benchmark:
        "logs/{run}/preprocess.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        cuts=config["preprocess"],
        split=config["split"],
    script:
        "../scripts/preprocess.py"
