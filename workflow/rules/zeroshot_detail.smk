# Where zero-shot predictions are good and where not, and their intervals for single galaxies.
ON_DEMAND += [
    f"figures/{name}.{suffix}"
    for name in [
        "intervals",
        *(["bins_redshift"] if "z" in config["zeroshot_detail"]["bins"]["by"] else []),
        *(
            f"bins_{name}"
            for name in config["zeroshot_detail"]["bins"]["by"]
            if name == "reference_distance"
            or name != "z"
            and (not imports_embeddings() if name == "spectrum_snr" else catalogue())
        ),
        "learning_curve",
        *(["seed_spread"] if trains() and not imports_embeddings() else []),
    ]
    for suffix in ("pdf", "png")
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
            "apart",
            "knn",
            "metrics",
            "properties",
            "protocols",
            "scaling",
            "spaces",
            "zeroshot_bins",
        ),
    output:
        table="results/{run}/metrics/zeroshot_bins.csv",
    log:
        "logs/{run}/zeroshot_bins.log",
    benchmark:
        "logs/{run}/zeroshot_bins.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: half_the_cores()
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
        known=config["zeroshot_detail"]["bins"]["by"],
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_bins.py"


rule intervals:
    input:
        train="results/{run}/embeddings/train.parquet",
        val="results/{run}/embeddings/val.parquet",
        test="results/{run}/embeddings/test.parquet",
        choice="results/{run}/metrics/zeroshot.json",
        properties="results/{run}/crossmatch/properties.parquet",
        code=code(
            "apart",
            "interval_scores",
            "intervals",
            "knn",
            "metrics",
            "properties",
            "protocols",
            "scaling",
            "spaces",
            "zeroshot_bins",
        ),
    output:
        table="results/{run}/metrics/intervals.parquet",
        scores="results/{run}/metrics/intervals.csv",
        binned="results/{run}/metrics/intervals_bins.csv",
    log:
        "logs/{run}/intervals.log",
    benchmark:
        "logs/{run}/intervals.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: half_the_cores()
    params:
        settings=config["zeroshot_detail"]["intervals"],
        bins=config["zeroshot_detail"]["bins"],
        zeroshot=config["zeroshot"],
    script:
        "../scripts/intervals.py"


rule figure_intervals:
    input:
        scores="results/{run}/metrics/intervals.csv",
        binned="results/{run}/metrics/intervals_bins.csv",
        code=code("figures/intervals", "figures/style"),
    output:
        pdf="results/{run}/figures/intervals.pdf",
        png=report(
            "results/{run}/figures/intervals.png",
            caption="../report/intervals.rst",
            category="Zero-shot in detail",
            labels={"figure": "calibrated intervals"},
        ),
    log:
        "logs/{run}/figure_intervals.log",
    benchmark:
        "logs/{run}/figure_intervals.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_intervals.py"


rule learning_curve:
    input:
        train="results/{run}/embeddings/train.parquet",
        test="results/{run}/embeddings/test.parquet",
        choice="results/{run}/metrics/zeroshot.json",
        properties="results/{run}/crossmatch/properties.parquet",
        code=code(
            "apart",
            "knn",
            "learning_curve",
            "metrics",
            "properties",
            "protocols",
            "scaling",
            "spaces",
            "zeroshot",
        ),
    output:
        table="results/{run}/metrics/learning_curve.csv",
    log:
        "logs/{run}/learning_curve.log",
    benchmark:
        "logs/{run}/learning_curve.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: half_the_cores()
    params:
        settings=config["zeroshot_detail"]["learning_curve"],
        zeroshot=config["zeroshot"],
    script:
        "../scripts/learning_curve.py"


rule figure_learning_curve:
    input:
        table="results/{run}/metrics/learning_curve.csv",
        code=code("figures/learning_curve", "figures/style"),
    output:
        pdf="results/{run}/figures/learning_curve.pdf",
        png=report(
            "results/{run}/figures/learning_curve.png",
            caption="../report/learning_curve.rst",
            category="Zero-shot in detail",
            labels={"figure": "scores by number of references"},
        ),
    log:
        "logs/{run}/figure_learning_curve.log",
    benchmark:
        "logs/{run}/figure_learning_curve.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_learning_curve.py"


# on demand, for it trains once per seed of `ablation.seeds`
if trains() and not imports_embeddings():

    rule seed_spread:
        input:
            scores=[
                f"results/{{run}}/{folder}metrics/zeroshot.csv"
                for variant, _, folder in ablated()
                if variant == ablation_trials.AS_CONFIGURED
            ],
            code=code("seed_spread"),
        output:
            table="results/{run}/metrics/seed_spread.csv",
        log:
            "logs/{run}/seed_spread.log",
        benchmark:
            "logs/{run}/seed_spread.benchmark.tsv"
        conda:
            "../../envs/analysis.yaml"
        script:
            "../scripts/seed_spread.py"

    rule figure_seed_spread:
        input:
            table="results/{run}/metrics/seed_spread.csv",
            code=code("figures/seed_spread", "figures/style"),
        output:
            pdf="results/{run}/figures/seed_spread.pdf",
            png=report(
                "results/{run}/figures/seed_spread.png",
                caption="../report/seed_spread.rst",
                category="Zero-shot in detail",
                labels={"figure": "scatter over training seeds"},
            ),
        log:
            "logs/{run}/figure_seed_spread.log",
        benchmark:
            "logs/{run}/figure_seed_spread.benchmark.tsv"
        conda:
            "../../envs/figures.yaml"
        params:
            dpi=config["figures"]["dpi"],
            mock=config["source"] == "simulate",
        script:
            "../scripts/figure_seed_spread.py"
