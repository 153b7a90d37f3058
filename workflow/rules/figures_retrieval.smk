# Queries with their neighbours, and how good retrieval is.


wildcard_constraints:
    number="[0-9]+",


if has_pairs():
    ON_DEMAND.append("figures/retrieval_agreement.png")

if has_pixels():
    ON_DEMAND += [
        "figures/query_images.pdf",
        "figures/retrievals_together.pdf",
        "figures/retrieval_grid.pdf",
        *(
            f"figures/spectral_retrieval_{query}_{reference}_{number}.pdf"
            for query in ("image", "spectrum")
            for reference in ("image", "spectrum")
            for number in query_numbers(most=2)
        ),
    ]


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
        code=code("figures/retrieval_scores", "figures/style", "metrics"),
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


rule figure_retrieval_agreement:
    input:
        metrics="results/{run}/metrics/agreement.csv",
        code=code("figures/retrieval_scores", "figures/style", "metrics"),
    output:
        pdf="results/{run}/figures/retrieval_agreement.pdf",
        png=report(
            "results/{run}/figures/retrieval_agreement.png",
            caption="../report/retrieval_agreement.rst",
            category="Retrieval",
            labels={"figure": "agreement of neighbours"},
        ),
    log:
        "logs/{run}/figure_retrieval_agreement.log",
    benchmark:
        "logs/{run}/figure_retrieval_agreement.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_retrieval_agreement.py"


rule figure_query_images:
    input:
        neighbours="results/{run}/metrics/retrieval_neighbours.parquet",
        gallery="results/{run}/gallery/gallery.h5",
        code=code("figures/galaxies", "figures/retrieval", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/query_images.pdf",
        png=report(
            "results/{run}/figures/query_images.png",
            caption="../report/query_images.rst",
            category="Retrieval",
            labels={"figure": "query galaxies"},
        ),
    log:
        "logs/{run}/figure_query_images.log",
    benchmark:
        "logs/{run}/figure_query_images.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_query_images.py"


rule figure_retrievals_together:
    input:
        neighbours="results/{run}/metrics/retrieval_neighbours.parquet",
        gallery="results/{run}/gallery/gallery.h5",
        code=code("figures/galaxies", "figures/retrieval", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/retrievals_together.pdf",
        png=report(
            "results/{run}/figures/retrievals_together.png",
            caption="../report/retrievals_together.rst",
            category="Retrieval",
            labels={"figure": "one query, all pairs"},
        ),
    log:
        "logs/{run}/figure_retrievals_together.log",
    benchmark:
        "logs/{run}/figure_retrievals_together.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_retrievals_together.py"


rule figure_retrieval_grid:
    input:
        neighbours="results/{run}/metrics/retrieval_neighbours.parquet",
        gallery="results/{run}/gallery/gallery.h5",
        code=code("figures/galaxies", "figures/retrieval", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/retrieval_grid.pdf",
        png=report(
            "results/{run}/figures/retrieval_grid.png",
            caption="../report/retrieval_grid.rst",
            category="Retrieval",
            labels={"figure": "nearest images"},
        ),
    log:
        "logs/{run}/figure_retrieval_grid.log",
    benchmark:
        "logs/{run}/figure_retrieval_grid.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_retrieval_grid.py"


rule figure_spectral_retrieval:
    input:
        neighbours="results/{run}/metrics/retrieval_neighbours.parquet",
        gallery="results/{run}/gallery/gallery.h5",
        code=code(
            "figures/galaxies", "figures/retrieval_spectra", "figures/style", "rgb"
        ),
    output:
        pdf="results/{run}/figures/spectral_retrieval_{query}_{reference}_{number}.pdf",
        png=report(
            "results/{run}/figures/spectral_retrieval_{query}_{reference}_{number}.png",
            caption="../report/spectral_retrieval.rst",
            category="Retrieval",
            labels={"figure": "{query} query {number}, {reference} references"},
        ),
    log:
        "logs/{run}/figure_spectral_retrieval_{query}_{reference}_{number}.log",
    benchmark:
        "logs/{run}/figure_spectral_retrieval_{query}_{reference}_{number}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        query="{query}",
        reference="{reference}",
        number="{number}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_spectral_retrieval.py"
