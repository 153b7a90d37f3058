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
        summaries=expand(
            "results/{{run}}/metrics/clusterings_{space}.csv", space=spaces()
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


rule figure_clusters_alone:
    input:
        projection="results/{run}/projections/umap_{space}.parquet",
        clusters="results/{run}/clusters/{method}_{space}.parquet",
        summary="results/{run}/metrics/clusterings_{space}.csv",
        code=code("figures/clusters", "figures/projection", "figures/style"),
    output:
        pdf="results/{run}/figures/clusters_alone_{method}_{space}.pdf",
        png=report(
            "results/{run}/figures/clusters_alone_{method}_{space}.png",
            caption="../report/clusters_alone.rst",
            category="Clusters",
            labels={"figure": "{method} clusters, {space}"},
        ),
    log:
        "logs/{run}/figure_clusters_alone_{method}_{space}.log",
    benchmark:
        "logs/{run}/figure_clusters_alone_{method}_{space}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        method="{method}",
        space="{space}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_clusters_alone.py"


rule figure_cluster_gallery:
    input:
        clusters="results/{run}/clusters/{method}_{space}.parquet",
        gallery="results/{run}/gallery/clusters_{method}_{space}.h5",
        roles="results/{run}/gallery/clusters_{method}_{space}.parquet",
        code=code(
            "figures/cluster_gallery",
            "figures/clusters",
            "figures/galaxies",
            "figures/projection",
            "figures/style",
            "rgb",
        ),
    output:
        pdf="results/{run}/figures/cluster_gallery_{method}_{space}.pdf",
        png=report(
            "results/{run}/figures/cluster_gallery_{method}_{space}.png",
            caption="../report/cluster_gallery.rst",
            category="Clusters",
            labels={"figure": "examples, {method}, {space}"},
        ),
    log:
        "logs/{run}/figure_cluster_gallery_{method}_{space}.log",
    benchmark:
        "logs/{run}/figure_cluster_gallery_{method}_{space}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        method="{method}",
        space="{space}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_cluster_gallery.py"


rule figure_cluster_spectra:
    input:
        clusters="results/{run}/clusters/{method}_{space}.parquet",
        spectra="results/{run}/clusters/median_spectra_{method}_{space}.h5",
        code=code(
            "figures/cluster_gallery",
            "figures/cluster_spectra",
            "figures/clusters",
            "figures/galaxies",
            "figures/projection",
            "figures/style",
            "rgb",
        ),
    output:
        pdf="results/{run}/figures/cluster_spectra_{method}_{space}.pdf",
        png=report(
            "results/{run}/figures/cluster_spectra_{method}_{space}.png",
            caption="../report/cluster_spectra.rst",
            category="Clusters",
            labels={"figure": "spectra, {method}, {space}"},
        ),
    log:
        "logs/{run}/figure_cluster_spectra_{method}_{space}.log",
    benchmark:
        "logs/{run}/figure_cluster_spectra_{method}_{space}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        method="{method}",
        space="{space}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_cluster_spectra.py"


rule figure_cluster_properties:
    input:
        clusters="results/{run}/clusters/{method}_{space}.parquet",
        values="results/{run}/clusters/properties.parquet",
        code=code(
            "figures/cluster_properties",
            "figures/clusters",
            "figures/projection",
            "figures/style",
        ),
    output:
        pdf="results/{run}/figures/cluster_properties_{method}_{space}.pdf",
        png=report(
            "results/{run}/figures/cluster_properties_{method}_{space}.png",
            caption="../report/cluster_properties.rst",
            category="Clusters",
            labels={"figure": "properties, {method}, {space}"},
        ),
    log:
        "logs/{run}/figure_cluster_properties_{method}_{space}.log",
    benchmark:
        "logs/{run}/figure_cluster_properties_{method}_{space}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        method="{method}",
        space="{space}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_cluster_properties.py"


rule figure_cluster_information:
    input:
        metrics="results/{run}/metrics/ami.csv",
        code=code(
            "figures/cluster_information",
            "figures/clusters",
            "figures/projection",
            "figures/style",
        ),
    output:
        pdf="results/{run}/figures/cluster_information.pdf",
        png=report(
            "results/{run}/figures/cluster_information.png",
            caption="../report/cluster_information.rst",
            category="Clusters",
            labels={"figure": "information"},
        ),
    log:
        "logs/{run}/figure_cluster_information.log",
    benchmark:
        "logs/{run}/figure_cluster_information.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_cluster_information.py"
