import numpy as np
import pandas as pd
import pytest

from galaxypair import io, predict, tables
from galaxypair.errors import ConfigError, DataError
from galaxypair.io import Embeddings


def make_embeddings(targetid, z, *, dim=4, absent=()):
    """Embeddings on a great circle whose angle is the redshift: neighbours are near in z."""
    vectors = np.zeros((len(z), dim), "f4")
    vectors[:, 0], vectors[:, 1] = np.cos(z), np.sin(z)
    raw = {m: vectors.copy() for m in tables.MODALITIES}
    for modality, row in absent:
        raw[modality][row] = np.nan
    return Embeddings(np.asarray(targetid, "i8"), raw, {m: io.unit(v) for m, v in raw.items()})


def make_case(n=5, **query):
    z_ref = np.linspace(0, 1, 201)
    references = make_embeddings(1000 + np.arange(201), z_ref)
    properties = pd.DataFrame(
        {
            "targetid": references.targetid,
            "z": z_ref,
            "log_mstar": 9 + 2 * z_ref,
            "ra": 10.0 + z_ref,
            "dec": 0.0,
        }
    )
    properties.loc[::3, "log_mstar"] = np.nan
    z = np.linspace(0.2, 0.8, n) + 0.0021  # between the references
    catalogue = pd.DataFrame(
        {
            "id": [f"g{i}" for i in range(n)],
            "targetid": np.arange(n),
            "ra": 200.0,
            "dec": 20.0,
            "z": z,
            "kept": True,
            "reason": "",
            "detail": "",
            "image_approximate": False,
            "notes": "",
        }
    )
    ledger = pd.DataFrame(
        {"targetid": np.arange(n), "group": "0", "kept": True, "reason": "", "detail": "", "split": "test"}
    )
    return catalogue, ledger, make_embeddings(np.arange(n), z, **query), references, properties


def test_estimate_by_hand():
    """Three neighbours at distances 1, 1, 2 weigh 2 : 2 : 1, so 40 % lie at 1, 80 % at or below 2."""
    references = np.array([[1.0, 0], [-1, 0], [0, 2], [0, 50]])
    assert predict.estimate(references, np.array([1.0, 2, 3, 99]), np.zeros((1, 2)), 3).tolist() == [
        [1, 2, 3]
    ]


def test_estimate_is_not_moved_by_one_wrong_neighbour():
    rng = np.random.default_rng(0)
    references, labels = rng.normal(size=(16, 3)), np.full(16, 0.1)
    labels[3] = 5.0
    assert predict.estimate(references, labels, np.zeros((1, 3)), 16)[0, 1] == pytest.approx(0.1, abs=0.01)


def test_estimate_of_a_query_on_a_reference_is_that_reference():
    references = np.eye(4)
    assert np.allclose(predict.estimate(references, np.arange(4.0), references[[2]], 3)[0], 2, atol=1e-4)


def test_predictions_follow_the_neighbours_for_both_targets():
    table = predict.predict(*make_case(), k=8)
    for modality in tables.MODALITIES:
        assert np.allclose(table[f"z_{modality}"], table["z_true"], atol=0.01)
        assert np.allclose(table[f"log_mstar_{modality}"], 9 + 2 * table["z_true"], atol=0.03)
        assert table[f"log_mstar_{modality}_high"].notna().all()
        assert (table[f"z_{modality}_low"] <= table[f"z_{modality}"]).all()
        assert (table[f"z_{modality}_high"] >= table[f"z_{modality}"]).all()
    assert table["log_mstar_true"].isna().all()
    assert (table["reason"] == "").all()


def test_permuted_queries_give_the_same_rows():
    catalogue, ledger, queries, *rest = make_case()
    order = [3, 0, 4, 1, 2]
    shuffled = Embeddings(
        queries.targetid[order],
        {m: v[order] for m, v in queries.raw.items()},
        {m: v[order] for m, v in queries.unit.items()},
    )
    pd.testing.assert_frame_equal(
        predict.predict(catalogue, ledger, queries, *rest, k=8),
        predict.predict(catalogue, ledger.iloc[order], shuffled, *rest, k=8),
    )


@pytest.mark.parametrize("by", ["targetid", "position"])
def test_a_query_is_never_its_own_reference(by):
    catalogue, ledger, queries, references, properties = make_case()
    twin = 40  # a reference at z = 0.2, like query 0, but labelled absurdly
    properties.loc[twin, "z"] = 77.0
    assert predict.predict(catalogue, ledger, queries, references, properties, k=1)["z_image"][0] == 77
    if by == "targetid":
        references.targetid[twin] = properties.loc[twin, "targetid"] = 0
    else:
        properties.loc[twin, ["ra", "dec"]] = 200.0, 20.0 + 0.5 / 3600
    table = predict.predict(catalogue, ledger, queries, references, properties, k=1)
    assert table["z_image"][0] == pytest.approx(0.2, abs=0.01)


def test_every_catalogue_row_is_there_with_its_reason():
    catalogue, ledger, queries, references, properties = make_case(absent=[("image", 1)])
    catalogue.loc[5] = {
        **catalogue.loc[0],
        "id": "twin",
        "kept": False,
        "reason": "duplicate_id",
        "detail": "d",
        "z": 0.1,
    }
    ledger.loc[2, ["kept", "reason", "detail"]] = False, "z_out_of_range", "z = 3"
    ledger.loc[3, "split"] = "train"
    ledger.loc[[1, 4], "detail"] = "left out: image_absent", "left out: spectrum_bad_pixels"
    catalogue.loc[4, "detail"] = "one thing"
    # rows that ingest rejected stand in the ledger, too, without a group
    twin = {**ledger.loc[0], "group": "", "kept": False, "reason": "duplicate_id", "split": ""}
    ledger = pd.concat([pd.DataFrame([twin]), ledger], ignore_index=True)
    queries = make_embeddings([0, 1, 4], catalogue["z"].to_numpy()[[0, 1, 4]], absent=[("image", 1)])
    table = predict.predict(catalogue, ledger, queries, references, properties, k=8)
    assert table["id"].tolist() == ["g0", "g1", "g2", "g3", "g4", "twin"]
    assert table["reason"].tolist() == ["", "", "z_out_of_range", "not_in_test_split", "", "duplicate_id"]
    assert table["z_image"].notna().tolist() == [True, False, False, False, True, False]
    assert table["z_spectrum"].notna().tolist() == [True, True, False, False, True, False]
    assert table["detail"].tolist()[1:3] == ["", "z = 3"]
    assert table["detail"][4] == "one thing; left out: spectrum_bad_pixels"


def test_score_counts_only_galaxies_with_truth_and_prediction():
    table = predict.predict(*make_case(absent=[("image", 1)]), k=8)
    table.loc[0, "z_true"] = np.nan
    rows = predict.score(table, bootstrap=50, rng=np.random.default_rng(0))
    assert list(rows.columns) == list(tables.METRIC_COLUMNS)
    assert set(rows["target"]) == {"z"}  # nobody knows a mass
    n = rows.groupby("query")["n"].first()
    assert (n["image"], n["spectrum"]) == (3, 4)
    r2 = rows[(rows["metric"] == "r2") & (rows["query"] == "spectrum")]["value"].item()
    assert r2 > 0.99


def test_score_of_nothing_is_an_empty_table():
    table = predict.predict(*make_case(), k=8).assign(z_true=np.nan)
    rows = predict.score(table, bootstrap=50, rng=np.random.default_rng(0))
    assert rows.empty and list(rows.columns) == list(tables.METRIC_COLUMNS)


def test_too_few_references_and_foreign_models_stop():
    case = make_case()
    with pytest.raises(ConfigError, match=r"`predict.k` is 300, but only 201 galaxies .* have z"):
        predict.predict(*case, k=300)
    catalogue, ledger, queries, _, properties = case
    references = make_embeddings(1000 + np.arange(201), properties["z"].to_numpy(), dim=6)
    with pytest.raises(DataError, match="length 4, the references of 6: they come from different models"):
        predict.predict(catalogue, ledger, queries, references, properties, k=3)


def test_reference_run_that_was_not_made_says_how(tmp_path):
    with pytest.raises(DataError, match=r"train.parquet`: missing.*`make demo`"):
        predict.load_references(tmp_path / "demo")
    with pytest.raises(DataError, match=r"snakemake --cores all .*properties.parquet` with the config"):
        predict.load_references(tmp_path / "other")


# --- read off the encoders -----------------------------------------------------------------------


def make_readout(targetid, *, absent=()):
    """Image 0.3, spectrum 0.2, both 0.1; confident, and galaxies."""
    table = pd.DataFrame({"targetid": targetid})
    for space, z in zip(tables.SPACES, (0.3, 0.2, 0.1), strict=True):
        found = {f"z_{space}": z, f"z_{space}_low": z - 0.01, f"z_{space}_high": z + 0.01}
        found |= {f"confidence_{space}": 0.9, f"other_{space}": 0.05}
        found |= {
            f"log_mstar_{space}": 10 + z,
            f"log_mstar_{space}_low": 9.0,
            f"log_mstar_{space}_high": 11.0,
        }
        table = table.assign(**found)
    for space, row in absent:
        table.loc[row, [name for name in table if f"_{space}" in name]] = np.nan
    return table


def test_readout_stands_for_itself_without_references():
    catalogue, ledger, queries, *_ = make_case()
    catalogue.loc[5] = {**catalogue.loc[0], "id": "twin", "kept": False, "reason": "duplicate_id"}
    ledger.loc[3, "split"] = "train"
    queries = make_embeddings([0, 1, 2, 4], np.zeros(4))
    readout = make_readout([4, 2, 1, 0], absent=[("spectrum", 3), ("both", 3)])
    table = predict.predict(catalogue, ledger, queries, None, None, k=8, readout=readout)
    assert table["id"].tolist() == ["g0", "g1", "g2", "g3", "g4", "twin"]
    assert table["z_both"].notna().tolist() == [False, True, True, False, True, False]
    assert table["z_image"].notna().tolist() == [True, True, True, False, True, False]
    assert table["reason"].tolist() == ["", "", "", "not_in_test_split", "", "duplicate_id"]
    assert table["z_true"].tolist() == catalogue["z"].tolist()
    assert set(tables.READOUT_COLUMNS) < set(table) and not [name for name in table if "neighbours" in name]


def test_readout_stands_beside_the_neighbours_where_there_are_references():
    case = make_case()
    alone = predict.predict(*case, k=8)
    table = predict.predict(*case, k=8, readout=make_readout(np.arange(5)))
    for name in [name for name in alone if name.startswith(("z_im", "z_sp", "log_mstar_im", "log_mstar_sp"))]:
        modality = "image" if "image" in name else "spectrum"
        beside = table[name.replace(modality, f"{modality}_neighbours")]
        pd.testing.assert_series_equal(beside, alone[name], check_names=False)
    assert table["z_image"].eq(0.3).all() and table["log_mstar_both"].eq(10.1).all()
    rows = predict.score(table, bootstrap=20, rng=np.random.default_rng(0))
    methods = rows[rows["metric"] == "nmad"].groupby("protocol")["query"].agg(list).to_dict()
    assert methods == {"readout": ["image", "spectrum", "both"], "own_galaxies": ["image", "spectrum"]}


def test_warnings_follow_the_best_that_is_known():
    catalogue, ledger, queries, *_ = make_case()
    readout = make_readout(np.arange(5), absent=[("both", 1), ("both", 2), ("spectrum", 2), ("both", 4)])
    readout.loc[4, [name for name in readout if name != "targetid"]] = np.nan
    readout["confidence_image"] = readout["confidence_image"].where(readout.index == 4, 0.2)
    readout.loc[1, ["confidence_spectrum", "other_spectrum"]] = 0.04, 0.934
    readout.loc[3, "confidence_both"] = 0.79
    table = predict.predict(catalogue, ledger, queries, None, None, k=8, readout=readout)
    assert table["warning"].tolist() == [
        "",
        "unlike a galaxy below z = 0.85 (probability 0.93)",
        "redshift uncertain",
        "redshift uncertain",
        "",
    ]
