if makes_model():

    rule model_card:
        input:
            config="results/{run}/model/config.json",
            history="results/{run}/model/history.csv" if trains() else [],
            zeroshot="results/{run}/metrics/zeroshot.csv",
            retrieval="results/{run}/metrics/retrieval.csv",
            code=code("data_card", "model_card"),
        output:
            card="results/{run}/model/README.md",
        log:
            "logs/{run}/model_card.log",
        benchmark:
            "logs/{run}/model_card.benchmark.tsv"
        conda:
            "../../envs/analysis.yaml"
        script:
            "../scripts/model_card.py"
