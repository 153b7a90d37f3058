"""What holds for every shipped configuration without any data."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
OVERLAYS = sorted(path.name for path in (REPO / "config").glob("*.yaml") if path.name != "config.yaml")


def test_linter_finds_nothing(snakemake):
    done = snakemake("--lint")
    assert done.returncode == 0, done.stdout


def test_rules_are_formatted():
    command = [Path(sys.executable).parent / "snakefmt", "--check", "Snakefile", "workflow"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_plain_dry_run_plans_the_demo_up_to_the_report(snakemake):
    done = snakemake("-n")
    assert done.returncode == 0, done.stdout
    assert "results/demo/report.html" in done.stdout
    for stage in ("simulate", "preprocess", "leaks", "train", "embed", "crossmatch", "zeroshot", "umap"):
        assert re.search(rf"^{stage} +\d", done.stdout, re.MULTILINE), stage


def test_workflow_file_itself_plans_the_same(snakemake):
    done = snakemake("-n", "--snakefile", REPO / "workflow" / "Snakefile")
    assert done.returncode == 0, done.stdout
    assert "results/demo/report.html" in done.stdout


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_dry_run_of_every_shipped_config_needs_no_data(snakemake, project, overlay):
    done = snakemake("-n", "--configfile", project / "config" / overlay)
    assert done.returncode == 0, done.stdout
    assert "train" in done.stdout or "predict" in done.stdout


def test_slurm_profile_is_found_by_its_name_and_plans_every_rule(snakemake):
    # with stored features, their size decides the memory of a training
    from_scratch = "model={image: {pretrained: false}, spectrum: {pretrained: false}}"
    done = snakemake("--profile", "slurm", "-n", "--config", from_scratch)
    assert done.returncode == 0, done.stdout
    assert "Using profile" in done.stdout
    assert re.search(r"rule train:(.*\n)+? +resources: .*mem_mb=4000.* runtime=720", done.stdout)


def test_profile_names_rules_that_exist_and_groups_every_figure():
    """A rule that was renamed would be passed over in silence; a new figure would queue alone."""
    rules = "\n".join(path.read_text() for path in (REPO / "workflow" / "rules").glob("*.smk"))
    known = set(re.findall(r"^ *rule (\w+):", rules, re.MULTILINE))
    profile = yaml.safe_load((REPO / "slurm" / "config.yaml").read_text())
    grouped = set(profile["groups"])
    assert {*profile["set-resources"], *grouped} <= known
    assert {name for name in known if name.startswith("figure_")} <= grouped
    assert set(profile["group-components"]) <= set(profile["groups"].values())
    for rule in re.split(r"^(?= *rule \w+:)", rules, flags=re.MULTILINE)[1:]:
        # compute nodes may have no network; exports take the packages alone
        fetches = "envs/fetch.yaml" in rule and "rule export_" not in rule
        assert fetches == ("localrule: True" in rule), rule


@pytest.mark.parametrize("overlay", ["ablation.yaml", "own_data.yaml", "rep.yaml"])
def test_groups_of_the_profile_never_wait_for_themselves(snakemake, project, overlay):
    options = ("--profile", "slurm", "-n", "--configfile", project / "config" / overlay)
    done = snakemake("everything", *options)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train={epocs: 3}", "unknown key `epocs` in `train`; did you mean `epochs`?"),
        ("views=3", "unknown key `views`; did you mean `train.views`?"),
        (
            "source=sky",
            "choose one of: simulate, ingest, download, subset, hub, mmu, embeddings.",
        ),
        ("umap={n_neighbors: few}", "`umap.n_neighbors` is 'few', expected a whole number."),
    ],
)
def test_wrong_setting_is_explained_without_a_traceback(snakemake, setting, message):
    done = snakemake("-n", "--config", setting)
    assert done.returncode == 1
    assert message in done.stdout
    assert "Traceback" not in done.stdout


def test_number_in_a_section_can_be_set_on_the_command_line(snakemake):
    done = snakemake("-n", "--config", "train={epochs: 3, learning_rate: 2e-3}")
    assert done.returncode == 0, done.stdout


def test_another_runs_model_serves_on_a_whole_survey(snakemake):
    done = snakemake("-n", "--config", "run=other", "model={from_run: demo}")
    assert done.returncode == 0, done.stdout
    assert "results/other/metrics/zeroshot.csv" in done.stdout
    for rule in ("train", "predict", "figure_training_curves"):
        assert not re.search(rf"^{rule} +\d", done.stdout, re.MULTILINE), rule


def test_published_checkpoint_is_imported_instead_of_training(snakemake, project):
    done = snakemake("-n", "--configfile", project / "config" / "rep_checkpoint.yaml")
    assert done.returncode == 0, done.stdout
    assert re.search(r"^import_checkpoint +1$", done.stdout, re.MULTILINE)
    for rule in ("train", "figure_training_curves"):
        assert not re.search(rf"^{rule} +\d", done.stdout, re.MULTILINE), rule


def test_checkpoint_that_is_an_entry_of_the_downloads_is_fetched(snakemake, project):
    done = snakemake("-n", "--configfile", project / "config" / "astroclip_v2_checkpoint.yaml")
    assert done.returncode == 0, done.stdout
    for rule in ("weights", "import_checkpoint"):
        assert re.search(rf"^{rule} +1$", done.stdout, re.MULTILINE), rule
    assert "results/astroclip_v2_checkpoint/weights/astroclip.ckpt" in done.stdout


@pytest.mark.parametrize(
    ("embeddings", "made", "left_out"),
    [
        ("{layout: rep}", ["mosaic_umap_image", "retrieval_image_spectrum", "umap_both"], []),
        ("{layout: table}", ["retrieval_recall", "umap_both"], ["mosaic_umap_image", "gallery/gallery.h5"]),
        (
            "{modalities: [image]}",
            ["umap_image"],
            ["metrics/retrieval", "umap_both", "umap_spectrum", "gallery.h5"],
        ),
    ],
)
def test_imported_embeddings_plan_what_they_allow(snakemake, embeddings, made, left_out):
    without = "download={files: {provabgs: {url: null}}}"
    done = snakemake("-n", "--config", "source=embeddings", f"embeddings={embeddings}", without)
    assert done.returncode == 0, done.stdout
    assert "rule download:" not in done.stdout
    assert [name for name in made if name not in done.stdout] == []
    assert [name for name in [*left_out, "rule train:", "stellar_mass"] if name in done.stdout] == []


def test_imported_embeddings_get_their_properties_from_the_published_catalogue_alone(snakemake):
    done = snakemake("-n", "--config", "source=embeddings")
    assert re.search(r"^download +1$", done.stdout, re.MULTILINE), done.stdout
    assert "figures/zeroshot_stellar_mass" in done.stdout and "joint.h5" not in done.stdout


def test_exports_are_planned_where_there_is_something_to_export(snakemake):
    folders = [f"results/demo/export/{name}" for name in ("dataset", "embeddings")]
    assert snakemake("-n", *folders).returncode == 0
    assert snakemake("-n", folders[1], "--config", "source=embeddings").returncode == 0
    assert snakemake("-n", folders[0], "--config", "source=embeddings").returncode == 1


def test_missing_config_is_named(snakemake, project):
    (project / "config" / "config.yaml").unlink()
    done = snakemake("-n")
    assert done.returncode == 1
    assert "config/config.yaml" in done.stdout
    assert "Traceback" not in done.stdout


def test_target_of_another_run_is_refused(snakemake):
    done = snakemake("-n", "results/other/report.html")
    assert done.returncode == 1
    assert "results/other/report.html" in done.stdout


def test_every_rule_logs_and_has_an_environment():
    for path in (REPO / "workflow" / "rules").glob("*.smk"):
        for rule in re.split(r"^(?= *rule \w+:)", path.read_text(), flags=re.MULTILINE)[1:]:
            name = re.match(r" *rule (\w+)", rule)[1]
            if "script:" not in rule:  # a name for some targets
                continue
            assert re.search(r"^ *log:", rule, re.MULTILINE), name
            assert re.search(r"^ *conda:", rule, re.MULTILINE), name


def test_every_script_is_run_by_a_rule_and_its_function_has_its_name():
    rules = "\n".join(path.read_text() for path in (REPO / "workflow" / "rules").glob("*.smk"))
    for script in (REPO / "workflow" / "scripts").glob("*.py"):
        if script.name != "stage.py":
            assert f"../scripts/{script.name}" in rules, script.name
            text = script.read_text()
            assert text.startswith('"""'), f"{script.name}: no module docstring"
            assert "from stage import stage" in text, script.name
            assert f"\ndef {script.stem}(" in text, script.name
