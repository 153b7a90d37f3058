"""What other methods make of the same galaxies, without embeddings."""

# what can be had, by the names that tables and figures carry: photometry costs seconds, networks are trained
_PHOTOMETRY = ["photometry"] if catalogue() else []
_NETWORKS = [] if imports_embeddings() else ["resnet18", "conv_attention"]
BASELINES = {"photometry": _PHOTOMETRY, "all": _PHOTOMETRY + _NETWORKS}

_RECIPE = {
    key: config["baselines"][key] for key in ("seed", "batch_size", "learning_rate")
}

if _PHOTOMETRY:
    ON_DEMAND.append("figures/baselines_photometry.png")

if _NETWORKS:
    ON_DEMAND += ["metrics/baselines_all.csv", "figures/baselines_all.png"]


rule photometry:
    input:
        properties="results/{run}/crossmatch/properties.parquet",
        code=code(
            "apart",
            "knn",
            "metrics",
            "photometry",
            "properties",
            "protocols",
            "scaling",
            "spaces",
            "zeroshot",
        ),
    output:
        predictions="results/{run}/baselines/photometry/predictions.parquet",
        history="results/{run}/baselines/photometry/history.csv",
    log:
        "logs/{run}/photometry.log",
    benchmark:
        "logs/{run}/photometry.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        targets=config["zeroshot"]["targets"],
        k=neighbours(),
        settings={**_RECIPE, "epochs": config["baselines"]["epochs"]["photometry"]},
    script:
        "../scripts/photometry.py"


if _NETWORKS:

    rule supervised:
        input:
            manifest="results/{run}/dataset/manifest.json",
            properties="results/{run}/crossmatch/properties.parquet",
            modules=code(
                "arithmetic",
                "callbacks",
                "encoders/base",
                "images",
                "loaders",
                "losses",
                "properties",
                "redshift_bins",
                "saving",
                "spectra",
                "supervised",
                "supervised_labels",
                "supervised_networks",
                "supervised_task",
                "training",
            ),
        output:
            predictions="results/{run}/baselines/{network}/predictions.parquet",
            weights="results/{run}/baselines/{network}/model.safetensors",
            config="results/{run}/baselines/{network}/config.json",
            history="results/{run}/baselines/{network}/history.csv",
        log:
            "logs/{run}/supervised_{network}.log",
        benchmark:
            "logs/{run}/supervised_{network}.benchmark.tsv"
        wildcard_constraints:
            network="resnet18|conv_attention",
        conda:
            NETWORK_ENV
        threads: 16
        resources:
            mem_mb=lambda wildcards, attempt: attempt * 4000,
            gpu=1 if config["train"]["accelerator"] == "gpu" else 0,
        params:
            # outside the declared outputs, so that an interrupted training is not lost
            state="results/{run}/supervised_training/{network}",
            network="{network}",
            crop_px=config["model"]["image"]["crop_px"],
            targets=config["zeroshot"]["targets"],
            settings=lambda wildcards: {
                **_RECIPE,
                "epochs": config["baselines"]["epochs"][wildcards.network],
                "accelerator": config["train"]["accelerator"],
                "precision": config["train"]["precision"],
            },
        script:
            "../scripts/supervised.py"


rule baselines:
    input:
        predictions=lambda wildcards: [
            f"results/{wildcards.run}/baselines/{name}/predictions.parquet"
            for name in BASELINES[wildcards.which]
        ],
        zeroshot="results/{run}/metrics/zeroshot_predictions.parquet",
        code=code(
            "apart",
            "baselines",
            "metrics",
            "properties",
            "protocols",
            "scaling",
            "spaces",
        ),
    output:
        metrics="results/{run}/metrics/baselines_{which}.csv",
    log:
        "logs/{run}/baselines_{which}.log",
    benchmark:
        "logs/{run}/baselines_{which}.benchmark.tsv"
    wildcard_constraints:
        which="|".join(name for name in BASELINES if BASELINES[name]) or "none",
    conda:
        "../../envs/analysis.yaml"
    params:
        bootstrap=config["zeroshot"]["bootstrap"],
        seed=config["zeroshot"]["seed"],
    script:
        "../scripts/baselines.py"


rule figure_baselines:
    input:
        metrics="results/{run}/metrics/baselines_{which}.csv",
        code=code("figures/baselines", "figures/style", "figures/zeroshot"),
    output:
        pdf="results/{run}/figures/baselines_{which}.pdf",
        png=report(
            "results/{run}/figures/baselines_{which}.png",
            caption="../report/baselines.rst",
            category="Baselines",
            labels={"figure": "{which}"},
        ),
    log:
        "logs/{run}/figure_baselines_{which}.log",
    benchmark:
        "logs/{run}/figure_baselines_{which}.benchmark.tsv"
    wildcard_constraints:
        which="|".join(name for name in BASELINES if BASELINES[name]) or "none",
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_baselines.py"
