"""Redshifts read off the encoders: the table, its scores, its figure."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from factories import make_dataset
from figure_checks import faults
from test_model import SETTINGS

from galaxypair import (
    checkpoints,
    images,
    io,
    model,
    readout,
    readout_scores,
    redshift_bins,
    tables,
)
from galaxypair.errors import DataError
from galaxypair.figures import readout as figure
from galaxypair.io.checkpoints import write_weights
from galaxypair.runtime import Progress

REPO = Path(__file__).resolve().parents[1]
N = 8


@pytest.fixture
def reader():
    """A tiny model whose readout is not trained, but switched on."""
    torch.manual_seed(0)
    made = model.build(SETTINGS).eval()
    for encoder, temperature in zip(made.encoders.values(), (2.0, 0.5), strict=True):
        encoder.temperature.fill_(temperature)
        encoder.log_prior.fill_(-np.log(redshift_bins.N_CLASSES))
    return made


def make_batch():
    rng = np.random.default_rng(1)
    return {
        "targetid": np.arange(N) + 2**60,  # float64 would not tell them apart
        "image": rng.normal(0.5, 0.1, (N, 40, 40, 3)).astype("f4"),
        "spectrum": rng.normal(1, 0.3, (N, tables.N_WAVELENGTH)).astype("f4"),
        "has_image": np.ones(N, bool),
        "has_spectrum": np.ones(N, bool),
    }


def read(reader, batch):
    return readout.read_batch(readout.reading_encoders(reader), batch, torch.device("cpu"))


@torch.inference_mode()
def test_table_is_what_the_encoders_say(reader):
    batch = make_batch()
    table = read(reader, batch)
    assert tuple(table) == tables.READOUT_COLUMNS and table["targetid"].tolist() == batch["targetid"].tolist()
    raw = images.to_channels_first(torch.tensor(batch["image"])), torch.tensor(batch["spectrum"])
    said = [e.read(*e.prepare(r)) for e, r in zip(reader.encoders.values(), raw, strict=True)]
    logits = [r.logits / t for r, t in zip(said, (2.0, 0.5), strict=True)]
    prior = torch.full((redshift_bins.N_CLASSES,), -np.log(redshift_bins.N_CLASSES))
    for space, expected in zip(tables.SPACES, [*logits, redshift_bins.combine(*logits, prior)], strict=True):
        wanted = redshift_bins.estimate(expected)
        for name in ("confidence", "other"):
            np.testing.assert_allclose(table[f"{name}_{space}"], wanted[name], rtol=1e-3)
        for name, end in (("z", ""), ("low", "_low"), ("high", "_high")):
            np.testing.assert_allclose(table[f"z_{space}{end}"], wanted[name], rtol=1e-3, atol=1e-5)
    mean, scatter = said[0].log_mstar[:, 0], said[0].log_mstar[:, 1].exp()
    np.testing.assert_allclose(table["log_mstar_image_high"], mean + scatter, rtol=1e-5)
    np.testing.assert_allclose(table["log_mstar_image_low"], mean - scatter, rtol=1e-5)


def test_masses_are_averaged_with_inverse_variances():
    first = torch.tensor([[10.0, np.log(0.3)]], dtype=torch.float64)
    second = torch.tensor([[11.0, np.log(0.1)]], dtype=torch.float64)
    ((mean, log_scatter),) = readout.combine_masses(first, second).tolist()
    assert mean == pytest.approx(10.9)
    assert np.exp(log_scatter) == pytest.approx(0.1 * np.sqrt(0.9))


def test_what_is_missing_or_empty_or_not_finite_is_nan_and_changes_no_other_galaxy(reader):
    whole, batch = read(reader, make_batch()), make_batch()
    batch["has_image"][0] = False
    batch["image"][1] = 0
    batch["spectrum"][2, 5] = np.nan
    batch["spectrum"][3] = 0
    table = read(reader, batch)
    known = {space: table.filter(regex=f"_{space}").notna() for space in tables.SPACES}
    assert all((v.all(axis=1) == v.any(axis=1)).all() for v in known.values())
    absent = {space: np.flatnonzero(~v.all(axis=1)).tolist() for space, v in known.items()}
    assert absent == {"image": [0, 1], "spectrum": [2, 3], "both": [0, 1, 2, 3]}
    pd.testing.assert_frame_equal(table[4:], whole[4:], rtol=1e-4)


def test_model_of_which_one_encoder_reads_tells_of_that_one_alone(reader):
    reader.encoders["image"].forget()
    known = read(reader, make_batch()).notna().all()
    assert known[[name for name in known.index if "_spectrum" in name]].all()
    assert not known[[name for name in known.index if "_spectrum" not in name and name != "targetid"]].any()
    reader.encoders["spectrum"].forget()
    with pytest.raises(DataError, match=r"do not read redshifts: .*objective: simulator_truth"):
        readout.reading_encoders(reader)


@pytest.mark.parametrize("frozen", ["auto", False])
def test_encoder_that_is_trained_on_forgets_its_readout(reader, tmp_path, frozen):
    part = {key: value for key, value in SETTINGS["spectrum"].items() if key != "head"}
    described = {"encoder": part, "run": "first", "pretrain": {}}
    (tmp_path / "config.json").write_text(json.dumps(described))
    write_weights(reader.encoders["spectrum"].state_dict(), tmp_path / "model.safetensors")
    settings = SETTINGS | {"spectrum": SETTINGS["spectrum"] | {"pretrained": "first", "frozen": frozen}}
    made = model.build(settings)
    checkpoints.load_published(made, settings, {"spectrum": tmp_path / "model.safetensors"})
    assert made.encoders["spectrum"].reads is (frozen == "auto")


def make_files(folder, n_test):
    """Shards of seven galaxies, so many of them in the test split."""
    split = np.array(["test"] * n_test + ["train"] * (7 - n_test))
    return make_dataset(folder, np.arange(7), np.full(7, 0.1), split, crop_px=32)


def test_script_streams_a_split_in_batches(reader, tmp_path):
    manifest = make_files(tmp_path, 5)
    model.save(reader, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model": SETTINGS}))
    command = [sys.executable, REPO / "workflow" / "scripts" / "readout.py", "--manifest", manifest]
    command += ["--model", tmp_path, "--table", tmp_path / "table.parquet", "--split", "test"]
    subprocess.run([*command, "--batch-size", "2"], check=True, capture_output=True)
    table = io.read_table(tmp_path / "table.parquet")
    assert table["targetid"].tolist() == [0, 1, 2, 3, 4]
    assert table.notna().all(axis=None)
    whole = next(io.iter_shards(io.read_manifest(manifest), readout.COLUMNS, split="test"))
    pd.testing.assert_frame_equal(table, read(reader, whole), rtol=1e-4)


def test_split_without_galaxies_is_a_table_without_rows(reader, tmp_path):
    batches = io.iter_shards(io.read_manifest(make_files(tmp_path, 0)), readout.COLUMNS, split="test")
    io.write_parts(readout.read_batches(reader, batches, Progress(0)), tmp_path / "table.parquet")
    table = io.read_table(tmp_path / "table.parquet")
    assert table.empty and tuple(table) == tables.READOUT_COLUMNS
    assert dict(table.dtypes) == dict(read(reader, make_batch()).dtypes)


# --- scores --------------------------------------------------------------------------------------


def made_readout(n, seed=1):
    """Galaxies with true intervals and true confidences, and their redshifts."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(0.02, 0.6, n)
    table = pd.DataFrame({"targetid": np.arange(n)})
    for space, scatter in zip(tables.SPACES, (0.02, 0.001, 0.001), strict=True):
        confidence = rng.uniform(0.2 if space == "image" else 0.9, 1, n)
        wrong = rng.uniform(size=n) > confidence
        value = z + scatter * rng.normal(size=n)
        value[wrong] = np.abs(z[wrong] - 0.3)
        table[f"z_{space}"] = value
        table[f"z_{space}_low"], table[f"z_{space}_high"] = value - scatter, value + scatter
        table[f"confidence_{space}"], table[f"other_{space}"] = confidence, (1 - confidence) / 2
        mass = 10.5 + 0.1 * rng.normal(size=n)
        columns = [f"log_mstar_{space}{end}" for end in ("", "_low", "_high")]
        table[columns] = np.stack([mass, mass - 0.1, mass + 0.1], 1)
    return table[list(tables.READOUT_COLUMNS)], pd.DataFrame(
        {"targetid": np.arange(n), "z": z, "log_mstar": 10.5}
    )


def values(rows, target, space):
    own = rows[(rows["target"] == target) & (rows["query"] == space) & (rows["reference"] == space)]
    return own.set_index("metric")


def test_scores_of_galaxies_whose_intervals_and_confidence_are_true():
    table, properties = made_readout(6000)
    properties.loc[properties["targetid"] < 1000, "z"] = np.nan
    properties = properties.sample(frac=1, random_state=0)
    table.loc[1000:1499, [f"z_image{end}" for end in ("", "_low", "_high")]] = np.nan
    rows = readout_scores.score(table, properties, bootstrap=50, rng=np.random.default_rng(0))
    assert tuple(rows) == tables.METRIC_COLUMNS and set(rows["protocol"]) == {"readout"}
    spectrum, image = values(rows, "z", "spectrum"), values(rows, "z", "image")
    assert (spectrum["n"]["nmad"], image["n"]["nmad"]) == (5000, 4500)
    right = 0.95  # mean confidence
    assert spectrum["value"]["coverage_68"] == pytest.approx(0.683 * right, abs=0.02)
    assert spectrum["value"]["outlier_fraction"] == pytest.approx(1 - right, abs=0.012)
    assert image["value"]["confident_fraction"] == pytest.approx(0.25, abs=0.02)
    assert image["value"]["confident_outlier_fraction"] == pytest.approx(0.1, abs=0.03)
    assert image["n"]["confident_outlier_fraction"] == pytest.approx(0.25 * 4500, rel=0.1)
    mass = values(rows, "log_mstar", "both")
    assert mass["value"]["coverage_68"] == pytest.approx(0.683, abs=0.02)
    assert mass["value"]["nmad"] == pytest.approx(0.1, rel=0.05)
    assert "confident_fraction" not in mass.index


def test_scores_without_confident_redshifts_or_known_ones():
    table, properties = made_readout(20)
    table["confidence_image"] = 0.3
    how = {"bootstrap": 20, "rng": np.random.default_rng(0)}
    image = values(readout_scores.score(table, properties, **how), "z", "image")
    assert image["value"]["confident_fraction"] == 0 and image["n"]["confident_outlier_fraction"] == 0
    assert np.isnan(image["value"]["confident_outlier_fraction"])
    none = readout_scores.score(table, properties.assign(z=np.nan, log_mstar=np.nan), **how)
    assert none.empty and tuple(none) == tables.METRIC_COLUMNS


def test_outlier_and_range_are_those_of_the_distributions():
    """The scores and the words of warnings must do without PyTorch, so they repeat the numbers."""
    from galaxypair import metrics, predict

    assert redshift_bins.OUTLIER == metrics.REDSHIFT_OUTLIER == figure.OUTLIER
    assert f"z = {redshift_bins.Z_MAX}" in predict.UNLIKE


# --- figure --------------------------------------------------------------------------------------


def drawn(table, properties):
    scores = readout_scores.score(table, properties, bootstrap=20, rng=np.random.default_rng(0))
    return figure.panels(table, scores, properties)


@pytest.mark.parametrize("n", [64, 2000, 40000])
def test_figure_fits_any_sample(n):
    made = drawn(*made_readout(n))
    assert faults(made) == []
    assert made.get_label() == f"{n:,} test galaxies"
    assert [axes.get_title() for axes in made.axes[:3]] == [
        f"{name} (n = {n:,})" for name in ("image", "spectrum", "image and spectrum")
    ]


def test_share_of_right_redshifts_lies_at_the_mean_confidence_of_each_bin():
    table, properties = made_readout(20000)
    points = drawn(table, properties).axes[3].containers[0][0]
    confidence, share = points.get_data()
    assert len(confidence) == 8  # none below 0.2
    assert np.allclose(share, confidence, atol=0.07)
    assert confidence[-1] == pytest.approx(0.95, abs=0.01)


def test_figure_of_one_modality_and_of_none():
    table, properties = made_readout(64)
    table.loc[:, [name for name in table if "image" in name or "both" in name]] = np.nan
    one = drawn(table, properties)
    assert faults(one) == [] and len(one.axes) == 3  # with the bar of colours
    nothing = drawn(table, properties.assign(z=np.nan))
    assert nothing.get_label() == "0 galaxies"
