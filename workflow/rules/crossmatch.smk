rule crossmatch:
    input:
        ledger="results/{run}/dataset/ledger.parquet",
        provabgs=catalogue(),
        tracked=existing(config["crossmatch"]["mmu_provabgs"]),
        code=code("crossmatch", "derived"),
    output:
        properties="results/{run}/crossmatch/properties.parquet",
        losses="results/{run}/crossmatch/losses.csv",
    log:
        "logs/{run}/crossmatch.log",
    benchmark:
        "logs/{run}/crossmatch.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        mmu_provabgs=config["crossmatch"]["mmu_provabgs"],
        sps=config["crossmatch"]["sps"],
    script:
        "../scripts/crossmatch.py"


# on demand, or with `crossmatch.posteriors: true`
rule posteriors:
    input:
        properties="results/{run}/crossmatch/properties.parquet",
        provabgs="results/{run}/survey/provabgs.hdf5",
        code=code("crossmatch"),
    output:
        posteriors="results/{run}/crossmatch/posteriors.h5",
    log:
        "logs/{run}/posteriors.log",
    benchmark:
        "logs/{run}/posteriors.benchmark.tsv"
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/posteriors.py"
