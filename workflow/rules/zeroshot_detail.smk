# Where zero-shot predictions are good and where not, and their intervals for single galaxies.
REPORTED += [
    "bins_redshift",
    *(["bins_mag_r"] if catalogue() else []),
    *([] if imports_embeddings() else ["bins_spectrum_snr"]),
    "bins_reference_distance",
]


if not imports_embeddings():

    rule signal_to_noise:
        input:
            manifest="results/{run}/dataset/manifest.json",
            code=code("signal_to_noise"),
        output:
            table="results/{run}/metrics/spectrum_snr.parquet",
        log:
            "logs/{run}/signal_to_noise.log",
        benchmark:
            "logs/{run}/signal_to_noise.benchmark.tsv"
        conda:
            "../../envs/analysis.yaml"
        script:
            "../scripts/signal_to_noise.py"


rule zeroshot_bins:
    input:
        train="results/{run}/embeddings/train.parquet",
        test="results/{run}/embeddings/test.parquet",
        predictions="results/{run}/metrics/zeroshot_predictions.parquet",
        choice="results/{run}/metrics/zeroshot.json",
        properties="results/{run}/crossmatch/properties.parquet",
        snr=(
            []
            if imports_embeddings()
            else "results/{run}/metrics/spectrum_snr.parquet"
        ),
        code=code(
            "knn", "metrics", "projection", "protocols", "zeroshot", "zeroshot_bins"
        ),
    output:
        table="results/{run}/metrics/zeroshot_bins.csv",
    log:
        "logs/{run}/zeroshot_bins.log",
    benchmark:
        "logs/{run}/zeroshot_bins.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 16
    params:
        settings=config["zeroshot_detail"]["bins"],
        zeroshot=config["zeroshot"],
    script:
        "../scripts/zeroshot_bins.py"


rule figure_bins:
    input:
        table="results/{run}/metrics/zeroshot_bins.csv",
        code=code("figures/bins", "figures/style"),
    output:
        pdf="results/{run}/figures/bins_{property}.pdf",
        png=report(
            "results/{run}/figures/bins_{property}.png",
            caption="../report/bins.rst",
            category="Zero-shot in detail",
            labels={"figure": "scores by {property}"},
        ),
    log:
        "logs/{run}/figure_bins_{property}.log",
    benchmark:
        "logs/{run}/figure_bins_{property}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        property="{property}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_bins.py"
