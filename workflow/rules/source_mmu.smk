rule mmu:
    input:
        code=code("ledger", "published/mmu", "published/verdicts", "sky_match"),
        tracked=existing(*(config["mmu"][k] for k in ("images", "spectra", "provabgs"))),
    output:
        joint="results/{run}/survey/joint.h5",
        provabgs="results/{run}/survey/provabgs.hdf5",
        catalogue="results/{run}/survey/catalogue.parquet",
    log:
        "logs/{run}/mmu.log",
    benchmark:
        "logs/{run}/mmu.benchmark.tsv"
    localrule: True
    conda:
        "../../envs/fetch.yaml"
    resources:
        mem_mb=2000,  # and 0.2 GB per million objects
    params:
        settings=config["mmu"],
    script:
        "../scripts/mmu.py"
