rule simulate:
    input:
        library="results/{run}/survey/stellar_library.h5",
        code=code(
            "mock/catalogue",
            "mock/galaxies",
            "mock/images",
            "mock/junk",
            "mock/library",
            "mock/light",
            "mock/morphology",
            "mock/profiles",
            "mock/random_streams",
            "mock/repeats",
            "mock/spectra",
            "mock/survey",
            "wavelengths",
        ),
    output:
        joint="results/{run}/survey/joint.h5",
        provabgs="results/{run}/survey/provabgs.hdf5",
        truth="results/{run}/survey/truth.hdf5",
    log:
        "logs/{run}/simulate.log",
    benchmark:
        "logs/{run}/simulate.benchmark.tsv"
    conda:
        "../../envs/survey.yaml"
    threads: 16
    resources:
        mem_mb=lambda wildcards, attempt: attempt * 7000,  # 0.4 GB per process
    params:
        settings=config["simulate"],
    script:
        "../scripts/simulate.py"
