rule figure_umap:
    input:
        projections=expand(
            "results/{{run}}/projections/umap_{space}.parquet", space=spaces()
        ),
        properties="results/{run}/crossmatch/properties.parquet",
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


rule figure_mosaic:
    input:
        gallery="results/{run}/gallery/gallery.h5",
        roles="results/{run}/gallery/roles.parquet",
        code=code("figures/mosaic", "figures/projection", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/mosaic_{space}.pdf",
        png=report(
            "results/{run}/figures/mosaic_{space}.png",
            caption="../report/mosaic.rst",
            category="Embedding space",
            labels={"figure": "mosaic, {space}"},
        ),
    log:
        "logs/{run}/figure_mosaic_{space}.log",
    benchmark:
        "logs/{run}/figure_mosaic_{space}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        space="{space}",
        tiles=config["gallery"]["mosaic_cells"],
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_mosaic.py"


rule figure_kmeans_scan:
    input:
        scans=expand("results/{{run}}/metrics/kmeans_scan_{space}.csv", space=spaces()),
        code=code("figures/clusters", "figures/projection", "figures/style"),
    output:
        pdf="results/{run}/figures/kmeans_scan.pdf",
        png=report(
            "results/{run}/figures/kmeans_scan.png",
            caption="../report/kmeans_scan.rst",
            category="Clusters",
            labels={"figure": "number of clusters"},
        ),
    log:
        "logs/{run}/figure_kmeans_scan.log",
    benchmark:
        "logs/{run}/figure_kmeans_scan.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_kmeans_scan.py"


rule figure_clusters:
    input:
        projections=expand(
            "results/{{run}}/projections/umap_{space}.parquet", space=spaces()
        ),
        clusters=expand(
            "results/{{run}}/clusters/{{method}}_{space}.parquet", space=spaces()
        ),
        code=code("figures/clusters", "figures/projection", "figures/style"),
    output:
        pdf="results/{run}/figures/clusters_{method}.pdf",
        png=report(
            "results/{run}/figures/clusters_{method}.png",
            caption="../report/clusters.rst",
            category="Clusters",
            labels={"figure": "{method} clusters"},
        ),
    log:
        "logs/{run}/figure_clusters_{method}.log",
    benchmark:
        "logs/{run}/figure_clusters_{method}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        method="{method}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_clusters.py"


rule figure_cluster_gallery:
    input:
        clusters="results/{run}/clusters/kmeans_{space}.parquet",
        gallery="results/{run}/gallery/gallery.h5",
        roles="results/{run}/gallery/roles.parquet",
        code=code(
            "figures/cluster_gallery",
            "figures/clusters",
            "figures/galaxies",
            "figures/projection",
            "figures/style",
            "rgb",
        ),
    output:
        pdf="results/{run}/figures/cluster_gallery_{space}.pdf",
        png=report(
            "results/{run}/figures/cluster_gallery_{space}.png",
            caption="../report/cluster_gallery.rst",
            category="Clusters",
            labels={"figure": "examples, {space}"},
        ),
    log:
        "logs/{run}/figure_cluster_gallery_{space}.log",
    benchmark:
        "logs/{run}/figure_cluster_gallery_{space}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        space="{space}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_cluster_gallery.py"


rule figure_cluster_properties:
    input:
        clusters="results/{run}/clusters/kmeans_{space}.parquet",
        properties="results/{run}/crossmatch/properties.parquet",
        code=code("figures/clusters", "figures/projection", "figures/style"),
    output:
        pdf="results/{run}/figures/cluster_properties_{space}.pdf",
        png=report(
            "results/{run}/figures/cluster_properties_{space}.png",
            caption="../report/cluster_properties.rst",
            category="Clusters",
            labels={"figure": "properties, {space}"},
        ),
    log:
        "logs/{run}/figure_cluster_properties_{space}.log",
    benchmark:
        "logs/{run}/figure_cluster_properties_{space}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        space="{space}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_cluster_properties.py"
