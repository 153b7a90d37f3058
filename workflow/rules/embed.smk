rule embed:
    input:
        manifest="results/{run}/dataset/manifest.json",
        tracked=model_file("model.safetensors"),
        code=code(
            "embed",
            "encoders/aion",
            "encoders/astrodino",
            "encoders/attention",
            "encoders/base",
            "encoders/compact",
            "encoders/resnet",
            "encoders/registry",
            "encoders/specformer",
            "encoders/spender",
            "heads",
            "images",
            "model",
            "spectra",
        ),
    output:
        embeddings="results/{run}/embeddings/{split}.parquet",
    log:
        "logs/{run}/embed_{split}.log",
    benchmark:
        "logs/{run}/embed_{split}.benchmark.tsv"
    conda:
        "../../envs/train.yaml"
    threads: 16
    resources:
        mem_mb=2000 + model_mb(),
    params:
        split="{split}",
        model=lambda wildcards: f"results/{trained_run()}/model",
        batch_size=config["embed"]["batch_size"],
    script:
        "../scripts/embed.py"
