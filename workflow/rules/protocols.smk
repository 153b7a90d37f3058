# Zero-shot scores under named protocols, side by side.
if not predicts():
    REPORTED.append("protocols")

    rule protocols:
        input:
            train="results/{run}/embeddings/train.parquet",
            val=validation_embeddings("", *filter(None, config["protocols"].values())),
            test="results/{run}/embeddings/test.parquet",
            properties="results/{run}/crossmatch/properties.parquet",
            own="results/{run}/metrics/zeroshot.csv",
            own_record="results/{run}/metrics/zeroshot.json",
            code=code(
                "apart",
                "knn",
                "metrics",
                "properties",
                "protocol_scores",
                "protocols",
                "scaling",
                "spaces",
                "zeroshot",
            ),
        output:
            metrics="results/{run}/metrics/protocols.csv",
            records="results/{run}/metrics/protocols.json",
        log:
            "logs/{run}/protocols.log",
        benchmark:
            "logs/{run}/protocols.benchmark.tsv"
        conda:
            "../../envs/analysis.yaml"
        threads: half_the_cores()
        params:
            sections=config["protocols"],
            settings=config["zeroshot"],
        script:
            "../scripts/protocols.py"

    rule figure_protocols:
        input:
            metrics="results/{run}/metrics/protocols.csv",
            records="results/{run}/metrics/protocols.json",
            code=code("figures/protocols", "figures/style"),
        output:
            pdf="results/{run}/figures/protocols.pdf",
            png=report(
                "results/{run}/figures/protocols.png",
                caption="../report/protocols.rst",
                category="Protocols",
                labels={"figure": "scores by protocol"},
            ),
        log:
            "logs/{run}/figure_protocols.log",
        benchmark:
            "logs/{run}/figure_protocols.benchmark.tsv"
        conda:
            "../../envs/figures.yaml"
        params:
            dpi=config["figures"]["dpi"],
            mock=config["source"] == "simulate",
        script:
            "../scripts/figure_protocols.py"
