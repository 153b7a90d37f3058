if trains() and cached_encoders():

    rule features:
        input:
            manifest="results/{run}/dataset/manifest.json",
            image_weights=weights_of("image") if "image" in cached_encoders() else [],
            spectrum_weights=(
                weights_of("spectrum") if "spectrum" in cached_encoders() else []
            ),
            modules=code(
                "arithmetic",
                "checkpoints",
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
                "images",
                "loaders",
                "spectra",
                "views",
            ),
        output:
            file="results/{run}/features/{split}.h5",
        log:
            "logs/{run}/features_{split}.log",
        benchmark:
            "logs/{run}/features_{split}.benchmark.tsv"
        conda:
            "../../envs/train.yaml"
        threads: 16
        resources:
            mem_mb=4000 + model_mb(),
            gpu=1 if config["train"]["accelerator"] == "gpu" else 0,
        params:
            split="{split}",
            encoders=cached_encoders(),
            settings=view_settings(),
        script:
            "../scripts/features.py"
