# What each difference of the training does; on demand, for it trains once per variant and seed:
# snakemake --cores all --configfile config/ablation.yaml results/ablation/ablation/table.csv
if trains() and not imports_embeddings():

    rule ablation:
        input:
            histories=of_trials("model/history.csv"),
            zeroshot=of_trials("metrics/zeroshot.csv"),
            retrieval=of_trials("metrics/retrieval.csv"),
            code=code("ablation"),
        output:
            table="results/{run}/ablation/table.csv",
            text="results/{run}/ablation/table.md",
            values="results/{run}/ablation/values.csv",
        log:
            "logs/{run}/ablation.log",
        benchmark:
            "logs/{run}/ablation.benchmark.tsv"
        conda:
            "../../envs/analysis.yaml"
        params:
            trials=described_trials(),
        script:
            "../scripts/ablation.py"

    rule figure_ablation:
        input:
            values="results/{run}/ablation/values.csv",
            table="results/{run}/ablation/table.csv",
            code=code("ablation", "figures/ablation", "figures/style"),
        output:
            pdf="results/{run}/figures/ablation.pdf",
            png=report(
                "results/{run}/figures/ablation.png",
                caption="../report/ablation.rst",
                category="Differences",
                labels={"figure": "what each difference does"},
            ),
        log:
            "logs/{run}/figure_ablation.log",
        benchmark:
            "logs/{run}/figure_ablation.benchmark.tsv"
        conda:
            "../../envs/figures.yaml"
        params:
            dpi=config["figures"]["dpi"],
            mock=config["source"] == "simulate",
        script:
            "../scripts/figure_ablation.py"
