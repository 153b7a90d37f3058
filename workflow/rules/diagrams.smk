# How the run works, drawn from its own model and galaxies.
ON_DEMAND += ["figures/diagram_dbscan.png"]


rule figure_diagram_dbscan:
    input:
        code=code("figures/diagrams", "figures/galaxies", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/diagram_dbscan.pdf",
        png=report(
            "results/{run}/figures/diagram_dbscan.png",
            caption="../report/diagram_dbscan.rst",
            category="Diagrams",
            labels={"figure": "DBSCAN"},
        ),
    log:
        "logs/{run}/figure_diagram_dbscan.log",
    benchmark:
        "logs/{run}/figure_diagram_dbscan.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        min_samples=config["cluster"]["dbscan_min_samples"],
        dpi=config["figures"]["dpi"],
    script:
        "../scripts/figure_diagram_dbscan.py"


if makes_model():

    ON_DEMAND += [
        "figures/diagram_contrastive_learning.png",
        "figures/diagram_image_encoder.png",
        "figures/diagram_spectrum_encoder.png",
    ]

    rule model_layers:
        input:
            weights="results/{run}/model/model.safetensors",
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
                "layers",
                "model",
                "redshift_bins",
                "spectra",
            ),
        output:
            table="results/{run}/model/layers.csv",
        log:
            "logs/{run}/model_layers.log",
        benchmark:
            "logs/{run}/model_layers.benchmark.tsv"
        conda:
            NETWORK_ENV
        script:
            "../scripts/model_layers.py"

    rule figure_diagram_encoder:
        input:
            layers="results/{run}/model/layers.csv",
            gallery="results/{run}/gallery/gallery.h5",
            roles="results/{run}/gallery/roles.parquet",
            code=code("figures/diagrams", "figures/galaxies", "figures/style", "rgb"),
        output:
            pdf="results/{run}/figures/diagram_{modality}_encoder.pdf",
            png=report(
                "results/{run}/figures/diagram_{modality}_encoder.png",
                caption="../report/diagram_encoder.rst",
                category="Diagrams",
                labels={"figure": "{modality} tower"},
            ),
        log:
            "logs/{run}/figure_diagram_{modality}_encoder.log",
        benchmark:
            "logs/{run}/figure_diagram_{modality}_encoder.benchmark.tsv"
        conda:
            "../../envs/figures.yaml"
        params:
            modality="{modality}",
            crop_px=config["model"]["image"].get("crop_px")
            or config["preprocess"]["crop_px"],
            mock=config["source"] == "simulate",
            dpi=config["figures"]["dpi"],
        script:
            "../scripts/figure_diagram_encoder.py"

    rule figure_diagram_contrastive_learning:
        input:
            gallery="results/{run}/gallery/gallery.h5",
            roles="results/{run}/gallery/roles.parquet",
            embeddings="results/{run}/embeddings/test.parquet",
            code=code("figures/diagrams", "figures/galaxies", "figures/style", "rgb"),
        output:
            pdf="results/{run}/figures/diagram_contrastive_learning.pdf",
            png=report(
                "results/{run}/figures/diagram_contrastive_learning.png",
                caption="../report/diagram_contrastive_learning.rst",
                category="Diagrams",
                labels={"figure": "contrastive learning"},
            ),
        log:
            "logs/{run}/figure_diagram_contrastive_learning.log",
        benchmark:
            "logs/{run}/figure_diagram_contrastive_learning.benchmark.tsv"
        conda:
            "../../envs/figures.yaml"
        params:
            towers={
                modality: f"{modality} tower:\n{part['encoder']} encoder\n+ {part['head']} head"
                for modality in ("image", "spectrum")
                for part in [config["model"][modality]]
            },
            mock=config["source"] == "simulate",
            dpi=config["figures"]["dpi"],
        script:
            "../scripts/figure_diagram_contrastive_learning.py"
