wildcard_constraints:
    method="kmeans|dbscan|hdbscan",
    projection="umap|pca",


rule umap:
    input:
        embeddings="results/{run}/embeddings/test.parquet",
        code=code("projection", "spaces"),
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


rule pca:
    input:
        embeddings="results/{run}/embeddings/test.parquet",
        code=code("projection", "spaces"),
    output:
        projection="results/{run}/projections/pca_{space}.parquet",
        variance="results/{run}/metrics/pca_{space}.csv",
    log:
        "logs/{run}/pca_{space}.log",
    benchmark:
        "logs/{run}/pca_{space}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        space="{space}",
    script:
        "../scripts/pca.py"


rule cluster:
    input:
        embeddings="results/{run}/embeddings/test.parquet",
        projection="results/{run}/projections/umap_{space}.parquet",
        code=code("cluster", "spaces"),
    output:
        kmeans="results/{run}/clusters/kmeans_{space}.parquet",
        dbscan="results/{run}/clusters/dbscan_{space}.parquet",
        hdbscan="results/{run}/clusters/hdbscan_{space}.parquet",
        scan="results/{run}/metrics/kmeans_scan_{space}.csv",
        summary="results/{run}/metrics/clusterings_{space}.csv",
    log:
        "logs/{run}/cluster_{space}.log",
    benchmark:
        "logs/{run}/cluster_{space}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 16
    params:
        space="{space}",
        settings={
            key: config["cluster"][key]
            for key in (
                "kmeans_k",
                "dbscan_eps",
                "dbscan_eps_quantile",
                "dbscan_min_samples",
                "hdbscan_min_share",
                "silhouette_galaxies",
                "seed",
            )
        },
    script:
        "../scripts/cluster.py"


rule structure_properties:
    input:
        properties="results/{run}/crossmatch/properties.parquet",
        code=code("cluster_information", "metrics", "properties"),
    output:
        values="results/{run}/clusters/properties.parquet",
    log:
        "logs/{run}/structure_properties.log",
    benchmark:
        "logs/{run}/structure_properties.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        wanted=config["cluster"]["properties"],
    script:
        "../scripts/structure_properties.py"


rule cluster_information:
    input:
        clusters=expand(
            "results/{{run}}/clusters/{method}_{space}.parquet",
            method=["kmeans", "dbscan", "hdbscan"],
            space=spaces(),
        ),
        values="results/{run}/clusters/properties.parquet",
        code=code("cluster_information", "metrics", "properties"),
    output:
        metrics="results/{run}/metrics/ami.csv",
    log:
        "logs/{run}/cluster_information.log",
    benchmark:
        "logs/{run}/cluster_information.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        bins=config["cluster"]["property_bins"],
        resamplings=config["cluster"]["resamplings"],
        seed=config["cluster"]["seed"],
    script:
        "../scripts/cluster_information.py"


rule cluster_spectra:
    input:
        manifest=([] if imports_embeddings() else "results/{run}/dataset/manifest.json"),
        clusters="results/{run}/clusters/{method}_{space}.parquet",
        code=code(
            "cluster",
            "cluster_spectra",
            "gallery",
            "ingest/rgb",
            "published/layouts",
            "published/pixels",
            "rgb",
            "spaces",
        ),
    output:
        spectra="results/{run}/clusters/median_spectra_{method}_{space}.h5",
    log:
        "logs/{run}/cluster_spectra_{method}_{space}.log",
    benchmark:
        "logs/{run}/cluster_spectra_{method}_{space}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        per_cluster=config["cluster"]["spectra_per_cluster"],
        seed=config["cluster"]["seed"],
        pixels=config["embeddings"]["path"] if imports_embeddings() else None,
    script:
        "../scripts/cluster_spectra.py"


rule gallery:
    input:
        manifest=([] if imports_embeddings() else "results/{run}/dataset/manifest.json"),
        embeddings="results/{run}/embeddings/test.parquet",
        properties="results/{run}/crossmatch/properties.parquet",
        neighbours="results/{run}/metrics/retrieval_neighbours.parquet",
        code=code(
            "cluster",
            "gallery",
            "ingest/rgb",
            "published/layouts",
            "published/pixels",
            "rgb",
            "spaces",
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
        settings={key: config["gallery"][key] for key in ("examples", "seed")},
        pixels=config["embeddings"]["path"] if imports_embeddings() else None,
        crop_px=config["preprocess"]["crop_px"],
    script:
        "../scripts/gallery.py"


rule gallery_clusters:
    input:
        manifest=([] if imports_embeddings() else "results/{run}/dataset/manifest.json"),
        embeddings="results/{run}/embeddings/test.parquet",
        clusters="results/{run}/clusters/{method}_{space}.parquet",
        code=code(
            "cluster",
            "gallery",
            "ingest/rgb",
            "published/layouts",
            "published/pixels",
            "rgb",
            "spaces",
        ),
    output:
        gallery="results/{run}/gallery/clusters_{method}_{space}.h5",
        roles="results/{run}/gallery/clusters_{method}_{space}.parquet",
    log:
        "logs/{run}/gallery_clusters_{method}_{space}.log",
    benchmark:
        "logs/{run}/gallery_clusters_{method}_{space}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        method="{method}",
        space="{space}",
        settings={key: config["gallery"][key] for key in ("examples", "seed")},
        pixels=config["embeddings"]["path"] if imports_embeddings() else None,
        crop_px=config["preprocess"]["crop_px"],
    script:
        "../scripts/gallery_clusters.py"


rule gallery_mosaic:
    input:
        manifest=([] if imports_embeddings() else "results/{run}/dataset/manifest.json"),
        projection="results/{run}/projections/{projection}_{space}.parquet",
        code=code(
            "cluster",
            "gallery",
            "ingest/rgb",
            "published/layouts",
            "published/pixels",
            "rgb",
            "spaces",
        ),
    output:
        gallery="results/{run}/gallery/mosaic_{projection}_{space}.h5",
        roles="results/{run}/gallery/mosaic_{projection}_{space}.parquet",
    log:
        "logs/{run}/gallery_mosaic_{projection}_{space}.log",
    benchmark:
        "logs/{run}/gallery_mosaic_{projection}_{space}.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        cells=config["gallery"]["mosaic_cells"],
        pixels=config["embeddings"]["path"] if imports_embeddings() else None,
        crop_px=config["preprocess"]["crop_px"],
    script:
        "../scripts/gallery_mosaic.py"
