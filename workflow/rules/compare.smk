# Published values beside the run's own: only a run on the published survey fills these in; for any other
# the table says why not, and nothing is computed for it.
REPORTED += ["compare"]


rule compare:
    input:
        scores=(
            []
            if not_comparable(config)
            else [
                f"results/{{run}}/metrics/{name}.csv"
                for name in config["compare"]["tables"]
            ]
        ),
        code=code("compare", "published/values.csv"),
    output:
        table="results/{run}/metrics/compare.csv",
    log:
        "logs/{run}/compare.log",
    benchmark:
        "logs/{run}/compare.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        refusal=not_comparable(config),
    script:
        "../scripts/compare.py"


rule figure_compare:
    input:
        table="results/{run}/metrics/compare.csv",
        code=code("figures/compare", "figures/style"),
    output:
        pdf="results/{run}/figures/compare.pdf",
        png=report(
            "results/{run}/figures/compare.png",
            caption="../report/compare.rst",
            category="Comparison",
            labels={"figure": "published, reproduced, ours"},
        ),
    log:
        "logs/{run}/figure_compare.log",
    benchmark:
        "logs/{run}/figure_compare.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_compare.py"
