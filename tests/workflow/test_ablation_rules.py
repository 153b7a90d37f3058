"""Trials of an ablation are planned by the rules that make the run itself, and share what is the same."""

import re

import pytest
import yaml

TABLE = "results/ablation/ablation/table.csv"


def jobs(printed: str) -> dict[str, int]:
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", printed, re.MULTILINE)}


def write(project, settings: dict) -> str:
    path = project / "mine.yaml"
    path.write_text(yaml.safe_dump(settings))
    return str(path)


def test_each_variant_is_trained_with_each_seed_on_one_survey(snakemake, project):
    overlay = project / "config" / "ablation.yaml"
    n = len(yaml.safe_load(overlay.read_text())["ablation"]["variants"])
    target = "results/ablation/figures/ablation.pdf"
    done = snakemake("-n", TABLE, target, "--configfile", overlay, "--config", "ablation={seeds: [42, 7]}")
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    assert planned["train"] == planned["zeroshot"] == planned["retrieval"] == 2 * (n + 1)
    assert planned["embed"] == 3 * planned["train"]  # each split: k is chosen on the validation galaxies
    for rule in ("simulate", "preprocess", "crossmatch", "ablation", "figure_ablation"):
        assert planned[rule] == 1, rule
    assert "as_configured-7/model" in done.stdout and "as_configured-42" not in done.stdout
    for log in ("logs/ablation/train.log", "logs/ablation/ablation/sigmoid-7/train.log"):
        assert log in done.stdout


def test_plain_run_trains_no_variant(snakemake, project):
    done = snakemake("-n", "--configfile", project / "config" / "ablation.yaml")
    assert done.returncode == 0, done.stdout
    assert jobs(done.stdout)["train"] == 1
    assert "ablation" not in jobs(done.stdout)


def test_features_are_made_once_for_all_trials_that_read_the_same(snakemake, project):
    encoder = {"encoder": "stein_resnet50", "crop_px": 96, "stein_resnet50": {"stretch": "raw"}}
    variants = {
        "same": {"model": {"image": {"head": "mlp"}}},
        "rgb": {"model": {"image": {"stein_resnet50": {"stretch": "stein_rgb"}}}},
        "rgb_mlp": {"model": {"image": {"head": "mlp", "stein_resnet50": {"stretch": "stein_rgb"}}}},
        "spender": {"model": {"spectrum": {"encoder": "spender"}}},
    }
    settings = {"run": "mine", "model": {"image": encoder}, "ablation": {"seeds": [42, 7]}}
    settings["ablation"]["variants"] = variants
    done = snakemake("-n", "results/mine/ablation/table.csv", "--configfile", write(project, settings))
    assert done.returncode == 0, done.stdout
    made = set(re.findall(r"output: results/mine/(\S*)features/(\w+)\.h5", done.stdout))
    folders = ("", "ablation/rgb-42/", "ablation/spender-42/")
    assert made == {(folder, split) for folder in folders for split in ("train", "val")}
    assert jobs(done.stdout)["weights"] == 2

    def inputs(trial: str) -> str:
        return next(job for job in done.stdout.split("rule train:") if f"{trial}/model/model.safe" in job)

    assert "results/mine/features/train.h5" in inputs("same-7")
    assert "results/mine/ablation/rgb-42/features/val.h5" in inputs("rgb_mlp-7")
    assert "spender.ckpt" in inputs("spender-7") and "spender.ckpt" not in inputs("rgb-42")


def test_variant_that_cannot_be_trained_stops_every_command(snakemake, project):
    settings = {"run": "mine", "ablation": {"variants": {"long": {"train": {"epocs": 3}}}}}
    done = snakemake("-n", "--configfile", write(project, settings))
    assert done.returncode == 1
    assert "`ablation.variants.long`" in done.stdout and "did you mean `epochs`?" in done.stdout
    assert "Traceback" not in done.stdout


def test_trial_that_is_not_configured_is_refused(snakemake):
    done = snakemake("-n", "results/demo/ablation/other-42/model/history.csv")
    assert done.returncode == 1
    assert "results/demo/ablation/other-42/model/history.csv" in done.stdout


@pytest.mark.parametrize("recipe", ["rep", "astroclip_v1", "astroclip_v2"])
def test_recipe_is_planned_on_the_mock_survey_up_to_the_report(snakemake, project, recipe):
    done = snakemake(
        "-n", "--configfile", project / "config" / f"{recipe}.yaml", "--config", "source=simulate"
    )
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    assert planned["simulate"] == planned["train"] == planned["report"] == 1
    assert planned["weights"] == 2
    assert planned.get("features", 0) == (0 if recipe == "astroclip_v2" else 2)
