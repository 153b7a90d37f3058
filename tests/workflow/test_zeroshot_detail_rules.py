"""The detail of zero-shot predictions is planned where it can be had, and trains nothing unasked."""

import yaml
from test_ablation_rules import jobs


def test_report_plans_none_of_it(snakemake):
    done = snakemake("-n")
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    assert planned["train"] == 1
    of_the_detail = {"signal_to_noise", "zeroshot_bins", "intervals", "learning_curve", "seed_spread"}
    assert not of_the_detail & planned.keys()


def test_everything_plans_every_property_and_the_seeds(snakemake):
    done = snakemake("-n", "everything")
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    assert planned["figure_bins"] == 4
    assert planned["signal_to_noise"] == planned["zeroshot_bins"] == planned["intervals"] == 1
    assert planned["learning_curve"] == planned["seed_spread"] == 1
    assert planned["train"] == 3


def test_spread_over_seeds_trains_each_seed_and_the_own_model_once(snakemake):
    done = snakemake("-n", "results/demo/figures/seed_spread.pdf", "--config", "ablation={seeds: [42, 7, 8]}")
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    assert planned["train"] == planned["zeroshot"] == 3
    assert planned["seed_spread"] == planned["figure_seed_spread"] == 1
    assert "as_configured-7/model" in done.stdout and "as_configured-42" not in done.stdout


def test_imported_embeddings_have_no_spectra_to_measure_and_no_seeds(snakemake, project):
    settings = {"run": "mine", "source": "embeddings", "embeddings": {"path": "none.parquet"}}
    (project / "mine.yaml").write_text(yaml.safe_dump(settings))
    done = snakemake("-n", "everything", "--configfile", project / "mine.yaml")
    assert done.returncode == 0, done.stdout
    planned = jobs(done.stdout)
    assert "signal_to_noise" not in planned
    assert planned["zeroshot_bins"] == planned["intervals"] == planned["learning_curve"] == 1
    assert "bins_spectrum_snr" not in done.stdout
    refused = snakemake("-n", "results/mine/figures/seed_spread.pdf", "--configfile", project / "mine.yaml")
    assert refused.returncode == 1
