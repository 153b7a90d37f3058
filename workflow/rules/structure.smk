rule umap:
    input:
        embeddings="results/{run}/embeddings/test.parquet",
        code=code("projection"),
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
        code=code("cluster", "projection"),
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
    threads: 16
    params:
        space="{space}",
        settings=config["cluster"],
    script:
        "../scripts/cluster.py"


rule gallery:
    input:
        manifest=([] if imports_embeddings() else "results/{run}/dataset/manifest.json"),
        embeddings="results/{run}/embeddings/test.parquet",
        properties="results/{run}/crossmatch/properties.parquet",
        neighbours="results/{run}/metrics/retrieval_neighbours.parquet",
        clusters=[
            "results/{run}/clusters/kmeans_image.parquet",
            "results/{run}/clusters/kmeans_spectrum.parquet",
            "results/{run}/clusters/dbscan_image.parquet",
            "results/{run}/clusters/dbscan_spectrum.parquet",
        ],
        projections=[
            "results/{run}/projections/umap_image.parquet",
            "results/{run}/projections/umap_spectrum.parquet",
        ],
        code=code(
            "cluster",
            "gallery",
            "ingest/rgb",
            "published/layouts",
            "published/pixels",
            "rgb",
        ),
    output:
        gallery="results/{run}/gallery/gallery.h5",
        roles="results/{run}/gallery/roles.parquet",
    log:
        "logs/{run}/gallery.log",
    benchmark:
        "logs/{run}/gallery.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=config["gallery"],
        pixels=config["embeddings"]["path"] if imports_embeddings() else None,
        crop_px=config["preprocess"]["crop_px"],
    script:
        "../scripts/gallery.py"
