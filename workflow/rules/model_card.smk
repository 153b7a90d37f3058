if makes_model():

    rule model_card:
        input:
            config="results/{run}/{trial}model/config.json",
            history="results/{run}/{trial}model/history.csv" if trains() else [],
            zeroshot="results/{run}/{trial}metrics/zeroshot.csv",
            retrieval="results/{run}/{trial}metrics/retrieval.csv",
            code=code("data_card", "model_card"),
        output:
            card="results/{run}/{trial}model/README.md",
        log:
            "logs/{run}/{trial}model_card.log",
        benchmark:
            "logs/{run}/{trial}model_card.benchmark.tsv"
        conda:
            "../../envs/analysis.yaml"
        script:
            "../scripts/model_card.py"
