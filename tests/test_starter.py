"""The model that comes with the repository: the files are what was recorded, and do what was recorded."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from mock_factories import library_file
from realdata import REALDATA, needs_realdata, write_catalogue

from galaxypair import config as config_check
from galaxypair import io, observing, redshift_bins, starter, tables
from galaxypair.ingest.spectra import read_spectrum, to_grid
from galaxypair.mock.stream import VALIDATION, Round, Stream, simulate_round
from galaxypair.model import PairModel

REPO = Path(__file__).resolve().parents[1]
FOLDER = REPO / "starter"
RECORD = json.loads((FOLDER / "record.json").read_text(encoding="utf-8"))
SURE = 0.8


@pytest.fixture(scope="module")
def model() -> PairModel:
    return PairModel.from_pretrained(FOLDER / "model")


@torch.no_grad()
def read(model: PairModel, modality: str, raw: np.ndarray) -> dict[str, np.ndarray]:
    encoder = model.encoders[modality]
    blocks = torch.as_tensor(np.asarray(raw, np.float32)).split(100)
    logits = torch.cat([encoder.read(*encoder.prepare(block)).logits for block in blocks])
    return {k: v.numpy() for k, v in redshift_bins.estimate(logits / encoder.temperature).items()}


def recorded(modality: str, metric: str) -> float:
    wanted = {"query": modality, "target": "z", "metric": metric}
    rows = [row for row in RECORD["metrics"]["readout"] if row.items() >= wanted.items()]
    assert len(rows) == 1
    return rows[0]["value"]


def error(found: dict[str, np.ndarray], true: np.ndarray) -> np.ndarray:
    return (found["z"] - true) / (1 + true)


def nmad(d: np.ndarray) -> float:
    return 1.4826 * float(np.median(np.abs(d - np.median(d))))


def test_files_are_those_of_the_record_and_small():
    found = {str(p.relative_to(FOLDER)) for p in FOLDER.rglob("*") if p.is_file()}
    assert found == {*RECORD["sha256"], "record.json"}
    assert {name: io.sha256(FOLDER / name) for name in RECORD["sha256"]} == RECORD["sha256"]
    assert sum((FOLDER / name).stat().st_size for name in found) <= starter.MOST_BYTES


def test_settings_are_those_of_the_command_that_remakes_it():
    defaults = yaml.safe_load((REPO / "config" / "config.yaml").read_text())
    overlay = yaml.safe_load((REPO / "config" / "starter.yaml").read_text())
    schema = config_check.load_schema(REPO / "workflow" / "schemas" / "config.schema.yaml")

    def merged(base: dict, changed: dict) -> dict:
        return base | {
            k: merged(base[k], v) if isinstance(v, dict) and isinstance(base.get(k), dict) else v
            for k, v in changed.items()
        }

    settings = config_check.typed(merged(defaults, overlay), schema)
    differing = [
        f"{section}.{key}"
        for section, keys in RECORD["settings"].items()
        for key, value in keys.items()
        if settings[section].get(key) != value
    ]
    assert differing == []


def test_encoders_of_the_model_are_those_that_trainings_start_from(model):
    from safetensors.torch import load_file

    for modality in tables.MODALITIES:
        alone = load_file(FOLDER / "pretrain" / modality / "model.safetensors")
        state = model.encoders[modality].state_dict()
        for name, value in alone.items():
            torch.testing.assert_close(state[name], value.to(state[name].dtype), rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def galaxies() -> dict[str, Round]:
    """Mock galaxies of a seed that nothing was trained on, drawn as the demo's survey is."""
    made = Stream(
        library_file(), crop_px=112, seed=77, galaxies=0, round_galaxies=1, passes=1, bright_fraction=0.15,
        other_fraction=0.4, val_galaxies=700,
    )  # fmt: skip
    return {m: simulate_round(made, m, VALIDATION, map) for m in tables.MODALITIES}


@pytest.fixture(scope="module")
def spectra_read(model, galaxies) -> tuple[dict, Round]:
    drawn = galaxies["spectrum"]
    light = [torch.tensor(part.astype(np.float32)) for part in (drawn.continuum, drawn.lines)]
    columns = {
        "z": torch.tensor(drawn.rows["z"].astype(np.float32)),
        "bright_sample": torch.tensor(drawn.rows["bright_sample"]),
    }
    flux = observing.observe(*light, columns, torch.Generator().manual_seed(1))
    return read(model, "spectrum", flux.numpy()), drawn


@pytest.fixture(scope="module")
def images_read(model, galaxies) -> tuple[dict, Round]:
    drawn = galaxies["image"]
    return read(model, "image", drawn.image.transpose(0, 3, 1, 2)), drawn


@pytest.mark.parametrize("modality", ["image", "spectrum"])
def test_scores_are_those_of_the_record(modality, spectra_read, images_read):
    found, drawn = {"spectrum": spectra_read, "image": images_read}[modality]
    true = drawn.rows["z"][drawn.galaxy]
    found = {name: values[drawn.galaxy] for name, values in found.items()}
    d, n = error(found, true), len(true)
    wrong = np.mean(np.abs(d) > redshift_bins.OUTLIER)
    assert wrong == pytest.approx(recorded(modality, "outlier_fraction"), abs=0.02 + 3 * (wrong / n) ** 0.5)
    assert nmad(d) == pytest.approx(recorded(modality, "nmad"), rel=0.25)
    inside = np.mean((found["low"] <= true) & (true <= found["high"]))
    assert inside == pytest.approx(recorded(modality, "coverage_68"), abs=0.08)


@pytest.mark.parametrize("modality", ["image", "spectrum"])
def test_what_is_no_galaxy_gets_no_confident_redshift(modality, spectra_read, images_read):
    found, drawn = {"spectrum": spectra_read, "image": images_read}[modality]
    assert np.count_nonzero(~drawn.galaxy) == 280
    assert np.mean(found["confidence"][~drawn.galaxy] > SURE) <= 0.02


def test_noise_and_blank_images_get_no_confident_redshift(model):
    rng = np.random.default_rng(5)
    dark = torch.zeros(200, tables.N_WAVELENGTH)
    columns = {"z": torch.zeros(200), "bright_sample": torch.tensor(rng.random(200) < 0.5)}
    noise = observing.observe(dark, dark, columns, torch.Generator().manual_seed(5)).numpy()
    blank = rng.standard_normal((200, 3, 112, 112)) * np.array([0.003, 0.005, 0.012])[:, None, None]
    for modality, raw in (("spectrum", noise), ("image", blank)):
        assert np.mean(read(model, modality, raw)["confidence"] > SURE) <= 0.02


@needs_realdata
def test_real_sdss_galaxies_get_their_redshifts(model, tmp_path):
    catalogue = pd.read_csv(write_catalogue(REALDATA, tmp_path), dtype={"id": str})
    rows = catalogue[catalogue["kind"].str.contains("sdss") & catalogue["spectrum"].notna()]
    rows = rows.drop_duplicates("z")
    flux = [
        to_grid(read_spectrum(tmp_path / name, targetid=None, medium=None, default_medium="auto"))
        for name in rows["spectrum"]
    ]
    found, true = read(model, "spectrum", np.array(flux)), rows["z"].to_numpy()
    d, sure = error(found, true), found["confidence"] > SURE
    assert len(true) >= 30
    assert nmad(d) <= 0.002
    assert np.mean(np.abs(d) > redshift_bins.OUTLIER) <= 0.05
    assert 1 - np.sum((found["z"] - true) ** 2) / np.sum((true - true.mean()) ** 2) >= 0.95
    assert np.mean(sure) >= 0.85
    assert (np.abs(d[sure]) <= redshift_bins.OUTLIER).all()
