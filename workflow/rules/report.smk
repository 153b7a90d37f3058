rule report:
    input:
        figures=report_figures(),
        captions=captions(),
        ledger="results/{run}/dataset/ledger.parquet",
        leaks=leak_check(),
        zeroshot=[] if predicts() else "results/{run}/metrics/zeroshot.csv",
        retrieval=(
            []
            if predicts() or not has_pairs()
            else "results/{run}/metrics/retrieval.csv"
        ),
        losses=[] if predicts() else "results/{run}/crossmatch/losses.csv",
        predictions=(
            "results/{run}/metrics/predictions_metrics.csv" if predicts() else []
        ),
        embeddings_source=(
            "results/{run}/embeddings/source.json" if imports_embeddings() else []
        ),
        code=code(
            "figures/style", "report", "report_tables", "templates/report.html.j2"
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
