rule pretrain:
    input:
        manifest="results/{run}/dataset/manifest.json",
        modules=code(
            "callbacks",
            "encoders/aion",
            "encoders/astrodino",
            "encoders/attention",
            "encoders/base",
            "encoders/compact",
            "encoders/resnet",
            "encoders/specformer",
            "encoders/spender",
            "frozen",
            "heads",
            "images",
            "loaders",
            "losses",
            "masked_spectra",
            "model",
            "momentum_contrast",
            "pretrain",
            "pretrained",
            "spectra",
            "stein_views",
            "training",
        ),
    output:
        weights="results/{run}/pretrain/{modality}/model.safetensors",
        config="results/{run}/pretrain/{modality}/config.json",
        history="results/{run}/pretrain/{modality}/history.csv",
        card="results/{run}/pretrain/{modality}/README.md",
    log:
        "logs/{run}/pretrain_{modality}.log",
    benchmark:
        "logs/{run}/pretrain_{modality}.benchmark.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 16
    resources:
        mem_mb=4000 + model_mb(),
        gpu=1 if config["train"]["accelerator"] == "gpu" else 0,
    params:
        # outside the declared outputs, so that an interrupted training is not lost
        state="results/{run}/pretraining/{modality}",
        modality="{modality}",
        encoder=lambda wildcards: pretrained_encoder(wildcards.modality),
        settings=lambda wildcards: pretrain_settings(wildcards.modality),
        provenance={"run": config["run"], "source": config["source"]},
    script:
        "../scripts/pretrain.py"
