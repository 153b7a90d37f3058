rule zeroshot:
    input:
        train="results/{run}/{trial}embeddings/train.parquet",
        val=lambda wildcards: validation_embeddings(wildcards.trial),
        test="results/{run}/{trial}embeddings/test.parquet",
        properties="results/{run}/crossmatch/properties.parquet",
        code=code(
            "apart",
            "knn",
            "metrics",
            "properties",
            "protocols",
            "scaling",
            "spaces",
            "zeroshot",
        ),
    output:
        metrics="results/{run}/{trial}metrics/zeroshot.csv",
        predictions="results/{run}/{trial}metrics/zeroshot_predictions.parquet",
        choice="results/{run}/{trial}metrics/zeroshot.json",
    log:
        "logs/{run}/{trial}zeroshot.log",
    benchmark:
        "logs/{run}/{trial}zeroshot.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: half_the_cores()
    params:
        settings=config["zeroshot"],
    script:
        "../scripts/zeroshot.py"


rule retrieval:
    input:
        test="results/{run}/{trial}embeddings/test.parquet",
        code=code("knn", "metrics", "queries", "retrieval"),
    output:
        metrics="results/{run}/{trial}metrics/retrieval.csv",
        neighbours="results/{run}/{trial}metrics/retrieval_neighbours.parquet",
    log:
        "logs/{run}/{trial}retrieval.log",
    benchmark:
        "logs/{run}/{trial}retrieval.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=config["retrieval"],
    script:
        "../scripts/retrieval.py"


rule agreement:
    input:
        test="results/{run}/embeddings/test.parquet",
        properties="results/{run}/crossmatch/properties.parquet",
        code=code("agreement", "knn", "metrics", "properties", "retrieval"),
    output:
        metrics="results/{run}/metrics/agreement.csv",
    log:
        "logs/{run}/agreement.log",
    benchmark:
        "logs/{run}/agreement.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=config["agreement"],
        targets=config["zeroshot"]["targets"],
    script:
        "../scripts/agreement.py"


rule predict:
    input:
        queries="results/{run}/embeddings/test.parquet",
        catalogue="results/{run}/survey/catalogue.parquet",
        ledger="results/{run}/dataset/ledger.parquet",
        tracked=existing(
            f"results/{trained_run()}/embeddings/train.parquet",
            f"results/{trained_run()}/crossmatch/properties.parquet",
        ),
        readout=own_readout(),
        code=code("knn", "metrics", "predict", "readout_scores"),
    output:
        predictions="results/{run}/metrics/predictions.csv",
        metrics="results/{run}/metrics/predictions_metrics.csv",
    log:
        "logs/{run}/predict.log",
    benchmark:
        "logs/{run}/predict.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        reference_run=reference_run(),
        k=config["predict"]["k"],
        bootstrap=config["zeroshot"]["bootstrap"],
        seed=config["zeroshot"]["seed"],
    script:
        "../scripts/predict.py"
