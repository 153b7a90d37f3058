rule stellar_library:
    input:
        code=code("mock/library", "wavelengths"),
    output:
        library="results/{run}/survey/stellar_library.h5",
    log:
        "logs/{run}/stellar_library.log",
    benchmark:
        "logs/{run}/stellar_library.benchmark.tsv"
    conda:
        "../../envs/survey.yaml"
    params:
        grids=config["simulate"]["grids"],
    script:
        "../scripts/stellar_library.py"
