if trains():

    check_pretrained()

    rule train:
        input:
            manifest="results/{run}/dataset/manifest.json",
            image_weights=lambda wildcards: weights_of("image", wildcards),
            spectrum_weights=lambda wildcards: weights_of("spectrum", wildcards),
            train_features=lambda wildcards: features_of("train", wildcards),
            val_features=lambda wildcards: features_of("val", wildcards),
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
                "encoders/registry",
                "encoders/resnet",
                "encoders/specformer",
                "encoders/spender",
                "experiment_logs",
                "features",
                "frozen",
                "heads",
                "images",
                "loaders",
                "losses",
                "model",
                "pretrained",
                "redshift_bins",
                "saving",
                "schedules",
                "spectra",
                "throughput",
                "train",
                "training",
                "views",
            ),
        output:
            weights="results/{run}/{trial}model/model.safetensors",
            config="results/{run}/{trial}model/config.json",
            history="results/{run}/{trial}model/history.csv",
            throughput="results/{run}/{trial}model/throughput.csv",
        log:
            "logs/{run}/{trial}train.log",
        benchmark:
            "logs/{run}/{trial}train.benchmark.tsv"
        conda:
            NETWORK_ENV
        threads: 16
        resources:
            **batch_system.training_resources(config["train"]),
            mem_mb=lambda wildcards, input, attempt: attempt
            * batch_system.processes(config["train"])
            * (4000 + model_mb(wildcards) + features_mb(input)),
        params:
            # outside the declared outputs, so that an interrupted training is not lost
            state="results/{run}/{trial}training",
            model_settings=lambda wildcards: trial_config(wildcards)["model"],
            settings=lambda wildcards: trial_config(wildcards)["train"],
            provenance=lambda wildcards: {
                "run": f"{wildcards.run}/{wildcards.trial}".rstrip("/"),
                "source": config["source"],
            },
        script:
            "../scripts/train.py"
