if trains():

    rule train:
        input:
            manifest="results/{run}/dataset/manifest.json",
            modules=code(
                "encoders/aion",
                "encoders/astrodino",
                "encoders/attention",
                "encoders/base",
                "encoders/compact",
                "encoders/resnet",
                "encoders/specformer",
                "encoders/spender",
                "heads",
                "images",
                "loaders",
                "losses",
                "model",
                "spectra",
                "train",
            ),
        output:
            weights="results/{run}/model/model.safetensors",
            config="results/{run}/model/config.json",
            history="results/{run}/model/history.csv",
            card="results/{run}/model/README.md",
        log:
            "logs/{run}/train.log",
        benchmark:
            "logs/{run}/train.benchmark.tsv"
        conda:
            "../../envs/train.yaml"
        threads: 16
        resources:
            mem_mb=4000 + model_mb(),
            gpu=1 if config["train"]["accelerator"] == "gpu" else 0,
        params:
            # outside the declared outputs, so that an interrupted training is not lost
            state="results/{run}/training",
            model_settings=config["model"],
            settings=config["train"],
            provenance={"run": config["run"], "source": config["source"]},
        script:
            "../scripts/train.py"
