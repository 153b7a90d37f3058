"""The model that comes with the repository, from a run whose encoders are pretrained in it."""

_PARTS = ["pretrain/image/", "pretrain/spectrum/", "model/"]
_CARDS = [f"{part}{name}" for part in _PARTS for name in ("config.json", "README.md")]


# made by: snakemake --cores all starter --configfile config/starter.yaml
rule starter:
    input:
        "results/{run}/starter/record.json".format(run=config["run"]),


rule pack_starter:
    input:
        weights=[f"results/{{run}}/{part}model.safetensors" for part in _PARTS],
        others=[f"results/{{run}}/{name}" for name in _CARDS],
        metrics=expand(
            "results/{{run}}/metrics/{name}.csv",
            name=["zeroshot", "retrieval", "readout"],
        ),
        recorded=rules.pretrain.input.modules,
        code=code("starter"),
    output:
        packed=[f"results/{{run}}/starter/{part}model.safetensors" for part in _PARTS],
        copied=[f"results/{{run}}/starter/{name}" for name in _CARDS],
        record="results/{run}/starter/record.json",
    log:
        "logs/{run}/pack_starter.log",
    benchmark:
        "logs/{run}/pack_starter.benchmark.tsv"
    conda:
        NETWORK_ENV
    resources:
        mem_mb=2000,
    params:
        settings={
            key: config[key] for key in ("simulate", "pretrain", "model", "train")
        },
    script:
        "../scripts/pack_starter.py"
