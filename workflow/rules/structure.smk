rule umap:
    input:
        embeddings="results/{run}/embeddings/test.parquet",
    output:
        projection="results/{run}/projections/umap_{space}.parquet",
    log:
        "logs/{run}/umap_{space}.log",
    benchmark:
        "logs/{run}/umap_{space}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        space="{space}",
        settings=config["umap"],
    script:
        "../scripts/project.py"


rule cluster:
    input:
        embeddings="results/{run}/embeddings/test.parquet",
        projection="results/{run}/projections/umap_{space}.parquet",
    output:
        kmeans="results/{run}/clusters/kmeans_{space}.parquet",
        dbscan="results/{run}/clusters/dbscan_{space}.parquet",
        scan="results/{run}/metrics/kmeans_scan_{space}.csv",
    log:
        "logs/{run}/cluster_{space}.log",
    benchmark:
        "logs/{run}/cluster_{space}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        space="{space}",
        settings=config["cluster"],
    script:
        "../scripts/cluster.py"
