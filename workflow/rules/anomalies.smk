# The galaxies unlike all others, and suspected artefacts.
if has_pixels() and has_pairs():
    REPORTED.append("anomalies")
if not imports_embeddings():
    REPORTED.append("artefacts")
if config["source"] == "simulate":
    REPORTED.append("anomaly_recall")
ON_DEMAND.append("metrics/anomalies.csv")


rule anomalies:
    input:
        # imported embeddings come without shards: nothing is known of broken pixels then
        manifest=([] if imports_embeddings() else "results/{run}/dataset/manifest.json"),
        train="results/{run}/embeddings/train.parquet",
        test="results/{run}/embeddings/test.parquet",
        truth=(
            "results/{run}/survey/truth.hdf5" if config["source"] == "simulate" else []
        ),
        code=code("anomalies", "artefacts", "knn", "metrics", "mock/junk"),
    output:
        lists="results/{run}/metrics/anomalies.parquet",
        metrics="results/{run}/metrics/anomalies.csv",
    log:
        "logs/{run}/anomalies.log",
    benchmark:
        "logs/{run}/anomalies.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: half_the_cores()
    params:
        settings={key: config["anomalies"][key] for key in ("k", "bootstrap", "seed")},
    script:
        "../scripts/anomalies.py"


rule anomaly_gallery:
    input:
        manifest=([] if imports_embeddings() else "results/{run}/dataset/manifest.json"),
        lists="results/{run}/metrics/anomalies.parquet",
        code=code(
            "anomalies",
            "artefacts",
            "cluster",
            "gallery",
            "ingest/rgb",
            "knn",
            "metrics",
            "mock/junk",
            "published/layouts",
            "published/pixels",
            "rgb",
            "spaces",
        ),
    output:
        gallery="results/{run}/gallery/anomalies.h5",
        roles="results/{run}/gallery/anomalies.parquet",
    log:
        "logs/{run}/anomaly_gallery.log",
    benchmark:
        "logs/{run}/anomaly_gallery.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        shown=config["anomalies"]["shown"],
        pixels=config["embeddings"]["path"] if imports_embeddings() else None,
        crop_px=config["preprocess"]["crop_px"],
    script:
        "../scripts/anomaly_gallery.py"


rule figure_anomalies:
    input:
        lists="results/{run}/metrics/anomalies.parquet",
        gallery="results/{run}/gallery/anomalies.h5",
        roles="results/{run}/gallery/anomalies.parquet",
        code=code("figures/anomalies", "figures/galaxies", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/anomalies.pdf",
        png=report(
            "results/{run}/figures/anomalies.png",
            caption="../report/anomalies.rst",
            category="Anomalies",
            labels={"figure": "most anomalous galaxies"},
        ),
    log:
        "logs/{run}/figure_anomalies.log",
    benchmark:
        "logs/{run}/figure_anomalies.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_anomalies.py"


rule figure_artefacts:
    input:
        lists="results/{run}/metrics/anomalies.parquet",
        gallery="results/{run}/gallery/anomalies.h5",
        roles="results/{run}/gallery/anomalies.parquet",
        code=code("figures/anomalies", "figures/galaxies", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/artefacts.pdf",
        png=report(
            "results/{run}/figures/artefacts.png",
            caption="../report/artefacts.rst",
            category="Anomalies",
            labels={"figure": "suspected artefacts"},
        ),
    log:
        "logs/{run}/figure_artefacts.log",
    benchmark:
        "logs/{run}/figure_artefacts.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_artefacts.py"


rule figure_anomaly_recall:
    input:
        metrics="results/{run}/metrics/anomalies.csv",
        code=code("figures/anomalies", "figures/galaxies", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/anomaly_recall.pdf",
        png=report(
            "results/{run}/figures/anomaly_recall.png",
            caption="../report/anomaly_recall.rst",
            category="Anomalies",
            labels={"figure": "planted artefacts found"},
        ),
    log:
        "logs/{run}/figure_anomaly_recall.log",
    benchmark:
        "logs/{run}/figure_anomaly_recall.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_anomaly_recall.py"
