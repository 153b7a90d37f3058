# Redshifts, masses and confidence that encoders read off by themselves, where their pretraining taught them to.
if reads_redshifts():
    REPORTED += ["readout"]


rule readout:
    input:
        manifest="results/{run}/dataset/manifest.json",
        tracked=lambda wildcards: model_file(wildcards, "model.safetensors"),
        code=code(
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
            "readout",
            "redshift_bins",
            "spectra",
        ),
    output:
        table="results/{run}/{trial}readout/{split}.parquet",
    log:
        "logs/{run}/{trial}readout_{split}.log",
    benchmark:
        "logs/{run}/{trial}readout_{split}.benchmark.tsv"
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
        "../scripts/readout.py"


rule readout_scores:
    input:
        readout="results/{run}/readout/test.parquet",
        properties="results/{run}/crossmatch/properties.parquet",
        code=code("metrics", "readout_scores"),
    output:
        metrics="results/{run}/metrics/readout.csv",
    log:
        "logs/{run}/readout_scores.log",
    benchmark:
        "logs/{run}/readout_scores.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        bootstrap=config["zeroshot"]["bootstrap"],
        seed=config["zeroshot"]["seed"],
    script:
        "../scripts/readout_scores.py"


rule figure_readout:
    input:
        readout="results/{run}/readout/test.parquet",
        metrics="results/{run}/metrics/readout.csv",
        properties="results/{run}/crossmatch/properties.parquet",
        code=code("figures/readout", "figures/style"),
    output:
        pdf="results/{run}/figures/readout.pdf",
        png=report(
            "results/{run}/figures/readout.png",
            caption="../report/readout.rst",
            category="Redshift readout",
            labels={"figure": "redshifts read off the encoders"},
        ),
    log:
        "logs/{run}/figure_readout.log",
    benchmark:
        "logs/{run}/figure_readout.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_readout.py"
