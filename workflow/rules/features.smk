if stores_features():

    rule features:
        input:
            manifest="results/{run}/dataset/manifest.json",
            image_weights=lambda wildcards: cached_weights("image", wildcards),
            spectrum_weights=lambda wildcards: cached_weights("spectrum", wildcards),
            modules=code(
                "arithmetic",
                "checkpoints",
                "encoders/aion",
                "encoders/astrodino",
                "encoders/attention",
                "encoders/base",
                "encoders/compact",
                "encoders/registry",
                "encoders/resnet",
                "encoders/specformer",
                "encoders/spender",
                "features",
                "frozen",
                "images",
                "loaders",
                "pretrained",
                "redshift_bins",
                "spectra",
                "views",
            ),
        output:
            file="results/{run}/{trial}features/{split}.h5",
        log:
            "logs/{run}/{trial}features_{split}.log",
        benchmark:
            "logs/{run}/{trial}features_{split}.benchmark.tsv"
        conda:
            NETWORK_ENV
        threads: 16
        resources:
            mem_mb=lambda wildcards, attempt: attempt * (4000 + model_mb(wildcards)),
            gpu=1 if config["train"]["accelerator"] == "gpu" else 0,
        params:
            split="{split}",
            encoders=lambda wildcards: cached_encoders(trial_config(wildcards)),
            settings=lambda wildcards: view_settings(trial_config(wildcards)),
        script:
            "../scripts/features.py"
