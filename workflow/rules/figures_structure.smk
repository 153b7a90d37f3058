# Of the other methods and spaces, and of further properties, each figure is there on demand.
_CLUSTERED = [
    f"{method}_{space}"
    for method in ("kmeans", "dbscan", "hdbscan")
    for space in spaces()
]
_BY_PROPERTY = ["redshift", *(["stellar_mass"] if catalogue() else [])]
_CLUSTERS_SHOWN = [
    *(
        [
            f"{kind}_{{}}"
            for kind in ("cluster_gallery", "cluster_spectra", "umap_annotated")
        ]
        if has_pixels()
        else []
    ),
    "cluster_properties_{}",
    "clusters_alone_{}",
]
REPORTED += [
    "kmeans_scan",
    *(f"clusters_{method}" for method in ("kmeans", "dbscan", "hdbscan")),
    *(
        ["cluster_gallery_kmeans_image", "cluster_spectra_kmeans_spectrum"]
        if has_pixels()
        else []
    ),
    *(f"cluster_properties_kmeans_{space}" for space in spaces()),
]
ON_DEMAND += [
    f"figures/{name}.png"
    for name in (
        *(f"pca_{name}" for name in _BY_PROPERTY),
        *(
            f"mosaic_{kind}_{space}"
            for kind in ("umap", "pca")
            for space in spaces()
            if has_pixels()
        ),
        *(figure.format(name) for figure in _CLUSTERS_SHOWN for name in _CLUSTERED),
        "cluster_information",
    )
    if name not in REPORTED
]


rule figure_umap:
    input:
        projections=expand(
            "results/{{run}}/projections/umap_{space}.parquet", space=spaces()
        ),
        properties="results/{run}/crossmatch/properties.parquet",
        values="results/{run}/clusters/properties.parquet",
        code=code("figures/projection", "figures/style"),
    output:
        pdf="results/{run}/figures/umap_{property}.pdf",
        png=report(
            "results/{run}/figures/umap_{property}.png",
            caption="../report/umap.rst",
            category="Embedding space",
            labels={"figure": "UMAP, {property}"},
        ),
    log:
        "logs/{run}/figure_umap_{property}.log",
    benchmark:
        "logs/{run}/figure_umap_{property}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        property="{property}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_umap.py"


rule figure_pca:
    input:
        projections=expand(
            "results/{{run}}/projections/pca_{space}.parquet", space=spaces()
        ),
        variances=expand("results/{{run}}/metrics/pca_{space}.csv", space=spaces()),
        properties="results/{run}/crossmatch/properties.parquet",
        values="results/{run}/clusters/properties.parquet",
        code=code("figures/projection", "figures/style"),
    output:
        pdf="results/{run}/figures/pca_{property}.pdf",
        png=report(
            "results/{run}/figures/pca_{property}.png",
            caption="../report/pca.rst",
            category="Embedding space",
            labels={"figure": "PCA, {property}"},
        ),
    log:
        "logs/{run}/figure_pca_{property}.log",
    benchmark:
        "logs/{run}/figure_pca_{property}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        property="{property}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_pca.py"


rule figure_mosaic:
    input:
        gallery="results/{run}/gallery/mosaic_{projection}_{space}.h5",
        roles="results/{run}/gallery/mosaic_{projection}_{space}.parquet",
        variance=branch(
            evaluate("{projection} == 'pca'"),
            then="results/{run}/metrics/pca_{space}.csv",
        ),
        code=code("figures/mosaic", "figures/projection", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/mosaic_{projection}_{space}.pdf",
        png=report(
            "results/{run}/figures/mosaic_{projection}_{space}.png",
            caption="../report/mosaic.rst",
            category="Embedding space",
            labels={"figure": "mosaic, {projection}, {space}"},
        ),
    log:
        "logs/{run}/figure_mosaic_{projection}_{space}.log",
    benchmark:
        "logs/{run}/figure_mosaic_{projection}_{space}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        space="{space}",
        tiles=config["gallery"]["mosaic_cells"],
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_mosaic.py"


rule figure_umap_annotated:
    input:
        projection="results/{run}/projections/umap_{space}.parquet",
        clusters="results/{run}/clusters/{method}_{space}.parquet",
        gallery="results/{run}/gallery/clusters_{method}_{space}.h5",
        roles="results/{run}/gallery/clusters_{method}_{space}.parquet",
        spectra="results/{run}/clusters/median_spectra_{method}_{space}.h5",
        code=code(
            "figures/cluster_gallery",
            "figures/cluster_spectra",
            "figures/clusters",
            "figures/galaxies",
            "figures/projection",
            "figures/style",
            "figures/umap_annotated",
            "rgb",
        ),
    output:
        pdf="results/{run}/figures/umap_annotated_{method}_{space}.pdf",
        png=report(
            "results/{run}/figures/umap_annotated_{method}_{space}.png",
            caption="../report/umap_annotated.rst",
            category="Embedding space",
            labels={"figure": "annotated, {method}, {space}"},
        ),
    log:
        "logs/{run}/figure_umap_annotated_{method}_{space}.log",
    benchmark:
        "logs/{run}/figure_umap_annotated_{method}_{space}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        wanted=config["cluster"]["annotated"],
        method="{method}",
        space="{space}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_umap_annotated.py"
