if trains() and frozen_encoders():

    rule features:
        input:
            manifest="results/{run}/dataset/manifest.json",
            image_weights=weights_of("image"),
            spectrum_weights=weights_of("spectrum"),
            modules=code(
                "checkpoints",
                "encoders/base",
                "encoders/compact",
                "encoders/resnet",
                "encoders/spender",
                "features",
                "heads",
                "images",
                "loaders",
                "model",
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
            mem_mb=4000,
            gpu=1 if config["train"]["accelerator"] == "gpu" else 0,
        params:
            split="{split}",
            encoders=frozen_encoders(),
            settings=view_settings(),
        script:
            "../scripts/features.py"
