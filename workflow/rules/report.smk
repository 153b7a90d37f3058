rule report:
    input:
        figures=report_figures(),
        captions=captions(),
        ledger="results/{run}/dataset/ledger.parquet",
        leaks=leak_check(),
        zeroshot=[] if predicts() else "results/{run}/metrics/zeroshot.csv",
        protocols=(
            "results/{run}/metrics/protocols.csv" if "protocols" in REPORTED else []
        ),
        compare=[] if predicts() else "results/{run}/metrics/compare.csv",
        retrieval=(
            []
            if predicts() or not has_pairs()
            else "results/{run}/metrics/retrieval.csv"
        ),
        losses=[] if predicts() else "results/{run}/crossmatch/losses.csv",
        predictions=(
            "results/{run}/metrics/predictions_metrics.csv" if predicts() else []
        ),
        readout=(
            "results/{run}/metrics/readout.csv"
            if reads_redshifts() and not predicts()
            else []
        ),
        embeddings_source=(
            "results/{run}/embeddings/source.json" if imports_embeddings() else []
        ),
        code=code(
            "captions",
            "figures/style",
            "report",
            "report_tables",
            "templates/report.html.j2",
        ),
    output:
        html="results/{run}/report.html",
        settings_file="results/{run}/settings.yaml",
    log:
        "logs/{run}/report.log",
    benchmark:
        "logs/{run}/report.benchmark.tsv"
    conda:
        "../../envs/figures.yaml"
    params:
        settings=config,
        defaults="config/config.yaml",
        # read if there; not inputs, or each timing would make the report again
        benchmarks="logs/{run}",
        model_config=lambda wildcards: f"results/{trained_run()}/model/config.json",
    script:
        "../scripts/report.py"


# for a paper: captions/report.tex of the figures that the report shows, captions/everything.tex of all
rule captions:
    input:
        figures=lambda wildcards: (
            report_figures() if wildcards.which == "report" else all_figures()
        ),
        templates=captions(),
        code=code("captions", "report"),
    output:
        latex="results/{run}/captions/{which}.tex",
        text="results/{run}/captions/{which}.txt",
    log:
        "logs/{run}/captions_{which}.log",
    benchmark:
        "logs/{run}/captions_{which}.benchmark.tsv"
    wildcard_constraints:
        which="report|everything",
    conda:
        "../../envs/figures.yaml"
    params:
        settings=config,
    script:
        "../scripts/captions.py"
