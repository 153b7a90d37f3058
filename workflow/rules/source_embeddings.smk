rule import_embeddings:
    input:
        tracked=existing(*split_files(config["embeddings"]["path"]).values()),
        code=code("import_embeddings", "layouts", "preprocess", "splits"),
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
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=config["embeddings"],
        cuts=config["preprocess"],
        split=config["split"],
    script:
        "../scripts/import_embeddings.py"


# without a catalogue the cross-match goes on with redshifts alone, see `catalogue()`
rule find_provabgs:
    input:
        tracked=existing(config["download"]["provabgs"]),
    output:
        provabgs="results/{run}/survey/provabgs.hdf5",
    log:
        "logs/{run}/find_provabgs.log",
    benchmark:
        "logs/{run}/find_provabgs.benchmark.tsv"
    localrule: True
    conda:
        "../../envs/survey.yaml"
    params:
        settings=config["download"],
    script:
        "../scripts/find_provabgs.py"
