# Small networks that are trained on embeddings: few-shot regression and posteriors.


rule few_shot:
    input:
        train="results/{run}/embeddings/train.parquet",
        val="results/{run}/embeddings/val.parquet",
        test="results/{run}/embeddings/test.parquet",
        properties="results/{run}/crossmatch/properties.parquet",
        code=code(
            "apart",
            "few_shot",
            "labelled",
            "metrics",
            "properties",
            "scaling",
            "small_networks",
            "spaces",
        ),
    output:
        metrics="results/{run}/metrics/few_shot.csv",
        predictions="results/{run}/metrics/few_shot_predictions.parquet",
    log:
        "logs/{run}/few_shot.log",
    benchmark:
        "logs/{run}/few_shot.benchmark.tsv"
    conda:
        "../../envs/networks.yaml"
    params:
        targets=config["zeroshot"]["targets"],
        settings=config["few_shot"],
    script:
        "../scripts/few_shot.py"


rule posterior_flows:
    input:
        train="results/{run}/embeddings/train.parquet",
        val="results/{run}/embeddings/val.parquet",
        test="results/{run}/embeddings/test.parquet",
        properties="results/{run}/crossmatch/properties.parquet",
        code=code(
            "apart",
            "conditional_flow",
            "labelled",
            "metrics",
            "posterior_flows",
            "posterior_scores",
            "properties",
            "scaling",
            "small_networks",
            "spaces",
        ),
    output:
        metrics="results/{run}/metrics/posteriors.csv",
        posteriors="results/{run}/metrics/posteriors.parquet",
        examples="results/{run}/metrics/posterior_examples.parquet",
    log:
        "logs/{run}/posterior_flows.log",
    benchmark:
        "logs/{run}/posterior_flows.benchmark.tsv"
    conda:
        "../../envs/networks.yaml"
    params:
        settings=config["posterior_flow"],
    script:
        "../scripts/posterior_flows.py"


rule figure_few_shot:
    input:
        few="results/{run}/metrics/few_shot.csv",
        zeroshot="results/{run}/metrics/zeroshot.csv",
        code=code("figures/few_shot", "figures/style"),
    output:
        pdf="results/{run}/figures/few_shot.pdf",
        png=report(
            "results/{run}/figures/few_shot.png",
            caption="../report/few_shot.rst",
            category="Few-shot and posteriors",
            labels={"figure": "few-shot regression"},
        ),
    log:
        "logs/{run}/figure_few_shot.log",
    benchmark:
        "logs/{run}/figure_few_shot.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_few_shot.py"


rule figure_posterior_coverage:
    input:
        table="results/{run}/metrics/posteriors.parquet",
        metrics="results/{run}/metrics/posteriors.csv",
        code=code("figures/posteriors", "figures/style"),
    output:
        pdf="results/{run}/figures/posterior_coverage.pdf",
        png=report(
            "results/{run}/figures/posterior_coverage.png",
            caption="../report/posterior_coverage.rst",
            category="Few-shot and posteriors",
            labels={"figure": "calibration of posteriors"},
        ),
    log:
        "logs/{run}/figure_posterior_coverage.log",
    benchmark:
        "logs/{run}/figure_posterior_coverage.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_posterior_coverage.py"


rule figure_posterior_examples:
    input:
        examples="results/{run}/metrics/posterior_examples.parquet",
        code=code("figures/posteriors", "figures/style"),
    output:
        pdf="results/{run}/figures/posterior_examples.pdf",
        png=report(
            "results/{run}/figures/posterior_examples.png",
            caption="../report/posterior_examples.rst",
            category="Few-shot and posteriors",
            labels={"figure": "posteriors of some galaxies"},
        ),
    log:
        "logs/{run}/figure_posterior_examples.log",
    benchmark:
        "logs/{run}/figure_posterior_examples.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_posterior_examples.py"


ON_DEMAND += [
    "figures/few_shot.png",
    "figures/posterior_coverage.png",
    "figures/posterior_examples.png",
]
