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
