"""From a data set of the hub, and of the Multimodal Universe, to shards and ledger: `pytest -m dag`."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from test_published_hub import FEATURES, make_parquet, make_rows
from test_published_mmu import EXPECTED, make_survey

from galaxypair import io

pytestmark = pytest.mark.dag
CUTS = {"max_bad_pixel_fraction": 1, "max_bad_wavelength_fraction": 1, "match_radius_arcsec": 0}


def run(snakemake, project: Path, settings: dict) -> tuple:
    """Make the dataset of a run; ledger and manifest."""
    (project / "mine.yaml").write_text(yaml.safe_dump({"run": "mine", "preprocess": CUTS, **settings}))
    folder = "results/mine/dataset"
    done = snakemake(f"{folder}/ledger.parquet", "--cores", 1, "--configfile", project / "mine.yaml")
    assert done.returncode == 0, done.stdout
    return io.read_table(project / folder / "ledger.parquet"), io.read_manifest(
        project / folder / "manifest.json"
    )


def test_hub_to_ledger(snakemake, project, tmp_path):
    for label, first, n in (("train", 10, 6), ("validation", 20, 2), ("test", 30, 3)):
        rows = make_rows(first, n)
        rows["spectrum"] = [np.where(s == 0, 1, s) for s in rows["spectrum"]]
        rows["image"][0] = None
        make_parquet(tmp_path / "data" / f"{label}-00000-of-00001.parquet", rows, FEATURES)
    settings = {"source": "hub", "hub": {"dataset": str(tmp_path / "data")}}
    settings["download"] = {"files": {"provabgs": {"url": None}}}
    ledger, manifest = run(snakemake, project, settings)
    assert manifest["splits"] == {"train": 5, "val": 1, "test": 2}
    assert ledger["reason"].value_counts().to_dict() == {"": 8, "image_absent": 3}
    kept = ledger[ledger["kept"]].set_index("targetid")["split"].to_dict()
    assert {split for target, split in kept.items() if target < 20} == {"train"}
    assert (kept[21], kept[31], kept[32]) == ("val", "test", "test")


def test_multimodal_universe_to_ledger(snakemake, project, tmp_path):
    sets = make_survey(tmp_path / "mmu", "hdf5")
    ledger, _ = run(snakemake, project, {"source": "mmu", "mmu": sets})
    found = ledger[ledger["targetid"] >= 0].set_index("targetid")["reason"].to_dict()
    assert found == EXPECTED
    assert (ledger["reason"] == "no_spectrum_match").sum() == 1
    assert len(ledger) == len(EXPECTED) + 1
    provabgs = io.read_provabgs(project / "results/mine/survey/provabgs.hdf5")
    assert provabgs["log_mstar"].tolist() == [10, 11, 12]
