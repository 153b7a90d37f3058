rule figure_ledger:
    input:
        ledger="results/{run}/dataset/ledger.parquet",
        code=code("figures/ledger", "figures/style"),
    output:
        pdf="results/{run}/figures/ledger.pdf",
        png=report(
            "results/{run}/figures/ledger.png",
            caption="../report/ledger.rst",
            category="Data",
            labels={"figure": "where the galaxies went"},
        ),
    log:
        "logs/{run}/figure_ledger.log",
    benchmark:
        "logs/{run}/figure_ledger.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_ledger.py"


rule figure_example_galaxies:
    input:
        gallery="results/{run}/gallery/gallery.h5",
        roles="results/{run}/gallery/roles.parquet",
        code=code("figures/galaxies", "figures/style", "rgb"),
    output:
        pdf="results/{run}/figures/example_galaxies.pdf",
        png=report(
            "results/{run}/figures/example_galaxies.png",
            caption="../report/example_galaxies.rst",
            category="Data",
            labels={"figure": "example galaxies"},
        ),
    log:
        "logs/{run}/figure_example_galaxies.log",
    benchmark:
        "logs/{run}/figure_example_galaxies.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_example_galaxies.py"


rule figure_training_curves:
    input:
        history="results/{run}/model/history.csv",
        code=code("figures/style", "figures/training"),
    output:
        pdf="results/{run}/figures/training_curves.pdf",
        png=report(
            "results/{run}/figures/training_curves.png",
            caption="../report/training_curves.rst",
            category="Training",
            labels={"figure": "training curves"},
        ),
    log:
        "logs/{run}/figure_training_curves.log",
    benchmark:
        "logs/{run}/figure_training_curves.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        dpi=config["figures"]["dpi"],
        mock=config["source"] == "simulate",
    script:
        "../scripts/figure_training_curves.py"
