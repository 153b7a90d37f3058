# without a catalogue the cross-match goes on with redshifts alone, see `catalogue()`
include: "download.smk"


rule import_embeddings:
    input:
        tracked=existing(*split_files(config["embeddings"]["path"]).values()),
        code=code(
            "published/embeddings", "published/layouts", "ledger", "quality", "splits"
        ),
    output:
        train="results/{run}/embeddings/train.parquet",
        val="results/{run}/embeddings/val.parquet",
        test="results/{run}/embeddings/test.parquet",
        ledger="results/{run}/dataset/ledger.parquet",
        source="results/{run}/embeddings/source.json",
    log:
        "logs/{run}/import_embeddings.log",
    benchmark:
        "logs/{run}/import_embeddings.benchmark.tsv"
    priority: 1  # a file that is not there stops the run before a catalogue is fetched
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
    params:
        settings=config["embeddings"],
        cuts=config["preprocess"],
        split=config["split"],
    script:
        "../scripts/import_embeddings.py"
