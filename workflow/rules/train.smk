if trains():

    rule train:
        input:
            manifest="results/{run}/dataset/manifest.json",
            image_weights=weights_of("image"),
            spectrum_weights=weights_of("spectrum"),
            train_features=features_of("train"),
            val_features=features_of("val"),
            modules=code(
                "arithmetic",
                "callbacks",
                "checkpoints",
                "contrastive",
                "encoders/aion",
                "encoders/astrodino",
                "encoders/attention",
                "encoders/base",
                "encoders/compact",
                "encoders/resnet",
                "encoders/registry",
                "encoders/specformer",
                "encoders/spender",
                "features",
                "frozen",
                "heads",
                "images",
                "loaders",
                "losses",
                "model",
                "saving",
                "spectra",
                "train",
                "views",
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
            mem_mb=lambda wildcards, input: 4000 + model_mb() + features_mb(input),
            gpu=1 if config["train"]["accelerator"] == "gpu" else 0,
        params:
            # outside the declared outputs, so that an interrupted training is not lost
            state="results/{run}/training",
            model_settings=config["model"],
            settings=config["train"],
            provenance={"run": config["run"], "source": config["source"]},
        script:
            "../scripts/train.py"
