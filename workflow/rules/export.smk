# On demand: snakemake --cores 1 results/demo/export/dataset


if not imports_embeddings():

    rule export_dataset:
        input:
            manifest="results/{run}/dataset/manifest.json",
            code=code("data_card", "export"),
        output:
            folder=directory("results/{run}/export/dataset"),
        log:
            "logs/{run}/export_dataset.log",
        benchmark:
            "logs/{run}/export_dataset.benchmark.tsv"
        conda:
            "../../envs/fetch.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: attempt * 2000,
        params:
            settings=settings_of("preprocess", "split"),
        script:
            "../scripts/export_dataset.py"


rule export_embeddings:
    input:
        embeddings=expand(
            "results/{{run}}/embeddings/{split}.parquet",
            split=["train", "val", "test"],
        ),
        ledger="results/{run}/dataset/ledger.parquet",
        code=code("data_card", "export"),
    output:
        folder=directory("results/{run}/export/embeddings"),
    log:
        "logs/{run}/export_embeddings.log",
    benchmark:
        "logs/{run}/export_embeddings.benchmark.tsv"
    conda:
        "../../envs/fetch.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 2000,
    params:
        settings=settings_of("preprocess", "split", "model", "train"),
    script:
        "../scripts/export_embeddings.py"
