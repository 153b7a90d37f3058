# Answers of Galaxy Zoo's volunteers, predicted from embeddings.
if has_votes():
    ON_DEMAND.extend(
        [
            "metrics/morphology.csv",
            "figures/morphology.png",
            *(
                f"figures/morphology_confusion_{question.replace('-', '_')}.png"
                for question in voted_questions()
            ),
        ]
    )


if config["source"] == "simulate":

    rule simulate_votes:
        input:
            truth="results/{run}/survey/truth.hdf5",
            code=code("mock/junk", "mock/morphology", "mock/profiles", "mock/votes"),
        output:
            votes="results/{run}/survey/galaxy_zoo.csv",
        log:
            "logs/{run}/simulate_votes.log",
        benchmark:
            "logs/{run}/simulate_votes.benchmark.tsv"
        conda:
            "../../envs/survey.yaml"
        params:
            seed=config["simulate"]["seed"],
        script:
            "../scripts/simulate_votes.py"


rule votes:
    input:
        tracked=lambda wildcards: existing(published_file(wildcards.votes)["path"]),
    output:
        file="results/{run}/votes/{votes}",
        record="results/{run}/votes/{votes}.source.json",
    log:
        "logs/{run}/votes_{votes}.log",
    benchmark:
        "logs/{run}/votes_{votes}.benchmark.tsv"
    wildcard_constraints:
        votes="|".join(map(re.escape, published_votes().values())),
    localrule: True
    conda:
        "../../envs/fetch.yaml"
    resources:
        mem_mb=1000,
    params:
        name=lambda wildcards: Path(wildcards.votes).stem,
        entry=lambda wildcards: published_file(wildcards.votes),
        folder=config["download"]["folder"],
    script:
        "../scripts/votes.py"


rule morphology_labels:
    input:
        ledger="results/{run}/dataset/ledger.parquet",
        provabgs=catalogue(),
        made_votes=made_votes(),
        tracked=existing(own_votes()),
        code=code("crossmatch", "morphology", "sky_match"),
    output:
        labels="results/{run}/morphology/labels.parquet",
        losses="results/{run}/morphology/losses.csv",
    log:
        "logs/{run}/morphology_labels.log",
    benchmark:
        "logs/{run}/morphology_labels.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        own_votes=own_votes(),
        settings={
            key: value
            for key, value in config["morphology"].items()
            if key not in ("votes", "mlp", "bootstrap", "seed")
        },
    script:
        "../scripts/morphology_labels.py"


rule morphology:
    input:
        train="results/{run}/embeddings/train.parquet",
        val="results/{run}/embeddings/val.parquet",
        test="results/{run}/embeddings/test.parquet",
        labels="results/{run}/morphology/labels.parquet",
        code=code(
            "apart",
            "class_scores",
            "classifier",
            "knn",
            "metrics",
            "morphology_scores",
            "properties",
            "protocols",
            "scaling",
            "small_networks",
            "spaces",
            "zeroshot",
        ),
    output:
        metrics="results/{run}/metrics/morphology.csv",
        predictions="results/{run}/metrics/morphology_predictions.parquet",
    log:
        "logs/{run}/morphology.log",
    benchmark:
        "logs/{run}/morphology.benchmark.tsv"
    conda:
        "../../envs/networks.yaml"
    params:
        k=neighbours(),
        settings={
            key: config["morphology"][key] for key in ("mlp", "bootstrap", "seed")
        },
    script:
        "../scripts/morphology.py"


rule figure_morphology:
    input:
        metrics="results/{run}/metrics/morphology.csv",
        code=code("figures/morphology", "figures/style"),
    output:
        pdf="results/{run}/figures/morphology.pdf",
        png=report(
            "results/{run}/figures/morphology.png",
            caption="../report/morphology.rst",
            category="Morphology",
            labels={"figure": "all questions"},
        ),
    log:
        "logs/{run}/figure_morphology.log",
    benchmark:
        "logs/{run}/figure_morphology.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_morphology.py"


rule figure_morphology_confusion:
    input:
        predictions="results/{run}/metrics/morphology_predictions.parquet",
        labels="results/{run}/morphology/labels.parquet",
        code=code("figures/morphology", "figures/style"),
    output:
        pdf="results/{run}/figures/morphology_confusion_{question}.pdf",
        png=report(
            "results/{run}/figures/morphology_confusion_{question}.png",
            caption="../report/morphology_confusion.rst",
            category="Morphology",
            labels={"figure": "{question}"},
        ),
    log:
        "logs/{run}/figure_morphology_confusion_{question}.log",
    benchmark:
        "logs/{run}/figure_morphology_confusion_{question}.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        question="{question}",
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_morphology_confusion.py"
