if config["model"]["from_checkpoint"] is not None:

    rule import_checkpoint:
        input:
            tracked=(
                published_checkpoint()
                if fetches_checkpoint()
                else existing(published_checkpoint())
            ),
            code=code(
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
                "frozen",
                "heads",
                "images",
                "imported",
                "model",
                "pretrained",
                "redshift_bins",
                "spectra",
            ),
        output:
            weights="results/{run}/model/model.safetensors",
            config="results/{run}/model/config.json",
        log:
            "logs/{run}/import_checkpoint.log",
        benchmark:
            "logs/{run}/import_checkpoint.benchmark.tsv"
        priority: 1  # a file that is not there stops the run before a survey is fetched
        conda:
            NETWORK_ENV
        resources:
            mem_mb=lambda wildcards, attempt: attempt * (2000 + model_mb(wildcards)),
        params:
            checkpoint=published_checkpoint(),
            model_settings=config["model"],
            run=config["run"],
        script:
            "../scripts/import_checkpoint.py"
