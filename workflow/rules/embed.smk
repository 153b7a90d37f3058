rule embed:
    input:
        manifest="results/{run}/dataset/manifest.json",
        tracked=lambda wildcards: model_file(wildcards, "model.safetensors"),
        code=code(
            "embed",
            "encoders/aion",
            "encoders/astrodino",
            "encoders/attention",
            "encoders/base",
            "encoders/compact",
            "encoders/registry",
            "encoders/resnet",
            "encoders/specformer",
            "encoders/spender",
            "heads",
            "images",
            "model",
            "redshift_bins",
            "spectra",
        ),
    output:
        embeddings="results/{run}/{trial}embeddings/{split}.parquet",
    log:
        "logs/{run}/{trial}embed_{split}.log",
    benchmark:
        "logs/{run}/{trial}embed_{split}.benchmark.tsv"
    conda:
        NETWORK_ENV
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: attempt * (2000 + model_mb(wildcards)),
    params:
        split="{split}",
        model=lambda wildcards: model_folder(wildcards),
        batch_size=config["embed"]["batch_size"],
    script:
        "../scripts/embed.py"
