"""Environments for `--use-conda` that the configuration chooses; the others are named by their rules."""

# docs/conda.md: train_gpu.yaml cannot be made without a GPU, train.yaml takes what the machine has
NETWORK_ENV = "../../envs/{}.yaml".format(
    "train_gpu" if config["train"]["accelerator"] == "gpu" else "train"
)
