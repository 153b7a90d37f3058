# One rule per figure, each drawn again alone by naming its file:
# snakemake --cores 1 results/demo/figures/umap_redshift.pdf


wildcard_constraints:
    query="image|spectrum",
    reference="image|spectrum",
    method="kmeans|dbscan",
    property="(?!summary)[A-Za-z0-9_]+",


rule figures:
    input:
        report_figures(),


rule figure_ledger:
    input:
        ledger="results/{run}/dataset/ledger.parquet",
        code=code("figures/ledger", "figures/style"),
    output:
        pdf="results/{run}/figures/ledger.pdf",
        png=report(
            "results/{run}/figures/ledger.png",
            caption="../report/ledger.rst",
            category="Data",
            labels={"figure": "where the galaxies went"},
        ),
    log:
        "logs/{run}/figure_ledger.log",
    benchmark:
        "logs/{run}/figure_ledger.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_ledger.py"


rule figure_example_galaxies:
    input:
        gallery="results/{run}/gallery/gallery.h5",
        roles="results/{run}/gallery/roles.parquet",
        code=code("figures/galaxies", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/example_galaxies.pdf",
        png=report(
            "results/{run}/figures/example_galaxies.png",
            caption="../report/example_galaxies.rst",
            category="Data",
            labels={"figure": "example galaxies"},
        ),
    log:
        "logs/{run}/figure_example_galaxies.log",
    benchmark:
        "logs/{run}/figure_example_galaxies.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_example_galaxies.py"


rule figure_training_curves:
    input:
        history="results/{run}/model/history.csv",
        code=code("figures/style", "figures/training"),
    output:
        pdf="results/{run}/figures/training_curves.pdf",
        png=report(
            "results/{run}/figures/training_curves.png",
            caption="../report/training_curves.rst",
            category="Training",
            labels={"figure": "training curves"},
        ),
    log:
        "logs/{run}/figure_training_curves.log",
    benchmark:
        "logs/{run}/figure_training_curves.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_training_curves.py"


rule figure_retrieval:
    input:
        neighbours="results/{run}/metrics/retrieval_neighbours.parquet",
        gallery="results/{run}/gallery/gallery.h5",
        code=code("figures/galaxies", "figures/retrieval", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/retrieval_{query}_{reference}.pdf",
        png=report(
            "results/{run}/figures/retrieval_{query}_{reference}.png",
            caption="../report/retrieval.rst",
            category="Retrieval",
            labels={"figure": "{query} queries, {reference} references"},
        ),
    log:
        "logs/{run}/figure_retrieval_{query}_{reference}.log",
    benchmark:
        "logs/{run}/figure_retrieval_{query}_{reference}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        query="{query}",
        reference="{reference}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_retrieval.py"


rule figure_retrieval_recall:
    input:
        metrics="results/{run}/metrics/retrieval.csv",
        code=code("figures/galaxies", "figures/retrieval", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/retrieval_recall.pdf",
        png=report(
            "results/{run}/figures/retrieval_recall.png",
            caption="../report/retrieval_recall.rst",
            category="Retrieval",
            labels={"figure": "recall"},
        ),
    log:
        "logs/{run}/figure_retrieval_recall.log",
    benchmark:
        "logs/{run}/figure_retrieval_recall.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_retrieval_recall.py"


rule figure_zeroshot:
    input:
        predictions="results/{run}/metrics/zeroshot_predictions.parquet",
        metrics="results/{run}/metrics/zeroshot.csv",
        code=code("figures/style", "figures/zeroshot"),
    output:
        pdf="results/{run}/figures/zeroshot_{property}.pdf",
        png=report(
            "results/{run}/figures/zeroshot_{property}.png",
            caption="../report/zeroshot.rst",
            category="Zero-shot regression",
            labels={"figure": "{property}"},
        ),
    log:
        "logs/{run}/figure_zeroshot_{property}.log",
    benchmark:
        "logs/{run}/figure_zeroshot_{property}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        property="{property}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_zeroshot.py"


rule figure_zeroshot_summary:
    input:
        metrics="results/{run}/metrics/zeroshot.csv",
        code=code("figures/style", "figures/zeroshot"),
    output:
        pdf="results/{run}/figures/zeroshot_summary.pdf",
        png=report(
            "results/{run}/figures/zeroshot_summary.png",
            caption="../report/zeroshot_summary.rst",
            category="Zero-shot regression",
            labels={"figure": "all scores"},
        ),
    log:
        "logs/{run}/figure_zeroshot_summary.log",
    benchmark:
        "logs/{run}/figure_zeroshot_summary.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_zeroshot_summary.py"


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


rule figure_predictions:
    input:
        predictions="results/{run}/metrics/predictions.csv",
        code=code("figures/predictions", "figures/style"),
    output:
        pdf="results/{run}/figures/predictions.pdf",
        png=report(
            "results/{run}/figures/predictions.png",
            caption="../report/predictions.rst",
            category="Own galaxies",
            labels={"figure": "predicted redshifts"},
        ),
    log:
        "logs/{run}/figure_predictions.log",
    benchmark:
        "logs/{run}/figure_predictions.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_predictions.py"
