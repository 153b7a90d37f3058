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
