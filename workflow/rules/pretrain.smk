rule pretrain:
    input:
        manifest=(
            []
            if config["pretrain"]["stream"]["galaxies"]
            else "results/{run}/dataset/manifest.json"
        ),
        library=(
            "results/{run}/survey/stellar_library.h5"
            if config["pretrain"]["stream"]["galaxies"]
            else []
        ),
        modules=code(
            "callbacks",
            "degraded_images",
            "degraded_spectra",
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
            "loaders",
            "losses",
            "masked_spectra",
            "mock/features",
            "mock/galaxies",
            "mock/images",
            "mock/library",
            "mock/light",
            "mock/morphology",
            "mock/others",
            "mock/profiles",
            "mock/quasars",
            "mock/random_streams",
            "mock/spectra",
            "mock/stars",
            "mock/stream",
            "model",
            "momentum_contrast",
            "observing",
            "pretrain",
            "redshift_bins",
            "simulator_truth",
            "spectra",
            "stein_views",
            "streaming",
            "training",
            "wavelengths",
        ),
    output:
        weights="results/{run}/{trial}pretrain/{modality}/model.safetensors",
        config="results/{run}/{trial}pretrain/{modality}/config.json",
        history="results/{run}/{trial}pretrain/{modality}/history.csv",
        card="results/{run}/{trial}pretrain/{modality}/README.md",
    log:
        "logs/{run}/{trial}pretrain_{modality}.log",
    benchmark:
        "logs/{run}/{trial}pretrain_{modality}.benchmark.tsv"
    conda:
        NETWORK_ENV
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: attempt
        * (4000 + model_mb(wildcards) + stream_mb(wildcards.modality)),
        gpu=1 if config["train"]["accelerator"] == "gpu" else 0,
    params:
        # outside the declared outputs, so that an interrupted training is not lost
        state="results/{run}/{trial}pretraining/{modality}",
        modality="{modality}",
        encoder=lambda wildcards: pretrained_encoder(
            wildcards.modality, trial_config(wildcards)
        ),
        settings=lambda wildcards: pretrain_settings(wildcards.modality),
        stream=lambda wildcards: streamed(wildcards.modality),
        provenance={
            "run": config["run"],
            "source": (
                "simulate"
                if config["pretrain"]["stream"]["galaxies"]
                else config["source"]
            ),
        },
    script:
        "../scripts/pretrain.py"
