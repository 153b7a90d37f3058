"""The rules of the cross-match on files that lie where the stages before would put them."""

import numpy as np
import pandas as pd
from test_provabgs import IDS, published_columns, write_mmu

from galaxypair import io


def test_derived_properties_and_posteriors_are_made_from_the_published_columns(snakemake, project):
    run = project / "results" / "demo"
    io.write_provabgs(run / "survey" / "provabgs.hdf5", published_columns())
    ledger = pd.DataFrame({"targetid": [*IDS, 1], "split": "train", "z": np.float32(0.1), "kept": True})
    io.write_table(ledger, run / "dataset" / "ledger.parquet")
    mmu = write_mmu(project, "parquet")
    goals = [f"results/demo/crossmatch/{name}" for name in ("properties.parquet", "posteriors.h5")]
    done = snakemake(
        *("--cores", "1", *goals, "--allowed-rules", "crossmatch", "posteriors"),
        *("--config", f"crossmatch={{mmu_provabgs: {mmu}}}"),
    )
    assert done.returncode == 0, done.stdout
    properties = io.read_table(project / goals[0])
    assert properties["tage_mw"].notna().tolist() == [True] * 3 + [False] * 6
    posteriors = io.read_arrays(project / goals[1])
    assert posteriors["targetid"].tolist() == properties.loc[properties["matched"], "targetid"].tolist()
    assert posteriors["theta_mcmc"].shape == (5, 100, 13)


def test_posteriors_are_among_the_targets_if_the_config_says_so(snakemake):
    goal = "results/demo/crossmatch/posteriors.h5"
    assert goal not in snakemake("-n").stdout
    assert goal in snakemake("-n", "--config", "crossmatch={posteriors: true}").stdout
