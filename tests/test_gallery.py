"""Gallery: the galaxies that figures show are chosen sensibly, found, and packed small."""

import importlib
from pathlib import Path

import factories
import h5py
import numpy as np
import pandas as pd
import pytest

from galaxypair import gallery, io, tables
from galaxypair.errors import DataError

N = 120


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def galaxies(tmp_path) -> dict:
    """Tables of a test split."""
    z, mag_r = rng().uniform([[0.05], [15]], [[0.5], [20]], (2, N))
    ids = np.arange(1000, 1000 + N)
    path = factories.make_embeddings(tmp_path / "embeddings" / "test.parquet", ids, z)
    return {
        "properties": pd.DataFrame({"targetid": ids, "z": z, "mag_r": mag_r}),
        "neighbours": pd.DataFrame({"targetid": ids[:4], "neighbour": ids[[3, 7, 8, 9]]}),
        "embeddings": io.read_embeddings(path),
    }


def choose(galaxies: dict) -> pd.DataFrame:
    return gallery.choose(**galaxies, examples=5, rng=rng())


def clusters() -> pd.DataFrame:
    """Two clusters and noise, not in the order of the embeddings."""
    table = pd.DataFrame(
        {"targetid": np.arange(1000, 1000 + N), "cluster": np.repeat([0, 1, -1], [60, 40, 20])}
    )
    return table.sample(frac=1, random_state=1)


def members(galaxies: dict, method: str, space: str, table: pd.DataFrame | None = None) -> pd.DataFrame:
    table = clusters() if table is None else table
    return gallery.choose_members(table, galaxies["embeddings"], method, space, examples=5, rng=rng())


def test_every_role_is_filled_and_the_choice_follows_the_seed(galaxies):
    roles = choose(galaxies)
    assert tuple(roles.columns) == tables.ROLE_COLUMNS
    assert set(roles["role"]) == {"example", "retrieval"}
    assert roles.equals(choose(galaxies))
    assert set(roles.query("role == 'retrieval'")["targetid"]) == {1000, 1001, 1002, 1003, 1007, 1008, 1009}
    assert roles["cluster"].eq(gallery.ABSENT).all()


@pytest.mark.parametrize("space", tables.SPACES)
@pytest.mark.parametrize("method", tables.CLUSTER_METHODS)
def test_members_belong_to_their_cluster_and_noise_is_not_shown(galaxies, method, space):
    roles = members(galaxies, method, space)
    label = clusters().set_index("targetid")["cluster"]
    assert tuple(roles.columns) == tables.ROLE_COLUMNS
    assert (label.loc[roles["targetid"]].to_numpy() == roles["cluster"]).all()
    assert (roles.groupby(["role", "cluster"]).size() == 5).all()
    assert sorted(roles["cluster"].unique()) == [0, 1]
    assert roles.equals(members(galaxies, method, space))


def test_kmeans_members_are_the_nearest_to_the_centroid(galaxies):
    roles = members(galaxies, "kmeans", "image").query("cluster == 1")
    vectors = galaxies["embeddings"].unit["image"][60:100]
    distance = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)
    assert roles["targetid"].tolist() == (1060 + np.argsort(distance)[:5]).tolist()


def test_only_the_largest_clusters_are_shown(galaxies):
    many = pd.DataFrame({"targetid": np.arange(1000, 1000 + N), "cluster": np.arange(N) // 6})
    for method in tables.CLUSTER_METHODS:
        shown = members(galaxies, method, "image", many)["cluster"]
        assert sorted(shown.unique()) == list(range(gallery.LARGEST))


def test_noise_alone_has_no_members(galaxies):
    none = members(galaxies, "dbscan", "image", clusters().assign(cluster=-1))
    assert len(none) == 0
    assert tuple(none.columns) == tables.ROLE_COLUMNS


def test_mosaic_has_a_galaxy_per_cell():
    plane = pd.DataFrame({"targetid": [7, 8, 9], "x": [0.0, 0.1, 4.0], "y": [0.0, 0.1, 4.0]})
    roles = gallery.choose_mosaic(plane, 2)
    assert roles[["targetid", "cell_x", "cell_y"]].to_numpy().tolist() == [[8, 0, 0], [9, 1, 1]]
    assert set(roles["role"]) == {"mosaic"}


def test_examples_rise_in_redshift_and_have_both_modalities(galaxies):
    whole = galaxies["embeddings"]
    unit = {modality: vectors.copy() for modality, vectors in whole.unit.items()}
    unit["image"][:20], unit["spectrum"][100:] = np.nan, np.nan
    galaxies["embeddings"] = io.Embeddings(whole.targetid, whole.raw, unit)
    examples = choose(galaxies).query("role == 'example'")["targetid"]
    z = galaxies["properties"].set_index("targetid")["z"].loc[examples]
    assert z.is_monotonic_increasing
    assert z.iloc[0] < 0.2
    assert z.iloc[-1] > 0.4
    assert examples.between(1020, 1099).all()


def test_examples_take_turns_in_brightness():
    four = pd.DataFrame({"targetid": [1, 2, 3, 4], "z": [0.4, 0.1, 0.4, 0.1], "mag_r": [20, 19, 16, 15]})
    assert gallery.pick_examples(four, 2, rng()).tolist() == [4, 1]


def test_examples_do_without_magnitudes_redshifts_or_numbers():
    few = pd.DataFrame({"targetid": [3, 4], "z": [np.nan, np.nan], "mag_r": [np.nan, np.nan]})
    assert len(gallery.pick_examples(few, 1, rng())) == 1
    for known in (0, 1):
        one_magnitude = few.assign(mag_r=np.where(np.arange(2) == known, 17, np.nan))
        assert gallery.pick_examples(one_magnitude, 1, rng()) == [3 + known]
    assert sorted(gallery.pick_examples(few, 8, rng())) == [3, 4]
    assert sorted(gallery.pick_examples(few[["targetid", "z"]], 8, rng())) == [3, 4]


def test_mosaic_takes_the_galaxy_nearest_to_the_centre_of_each_cell():
    plane = np.array([[0, 0], [0.9, 1.1], [1.1, 0.9], [4, 4], [2.9, 0.8], [3.2, 1.4]])
    rows, cell_x, cell_y = gallery.pick_mosaic(plane, 2)  # cells of side 2
    assert sorted(zip(rows, cell_x, cell_y, strict=True)) == [(1, 0, 0), (3, 1, 1), (4, 1, 0)]


def test_mosaic_has_at_most_one_galaxy_per_cell_and_survives_a_flat_plane():
    rows, cell_x, cell_y = gallery.pick_mosaic(rng().normal(size=(500, 2)), 6)
    assert len(set(zip(cell_x, cell_y, strict=True))) == len(rows) <= 36
    assert min(cell_x.min(), cell_y.min()) == 0
    assert max(cell_x.max(), cell_y.max()) == 5
    with np.errstate(all="raise"):
        assert len(gallery.pick_mosaic(np.ones((5, 2)), 4)[0]) == 1


def test_rounding_stays_within_a_twentieth_of_a_percent():
    values = np.concatenate([rng().normal(0, 10.0**e, 1000) for e in (-6, 0, 6)]).astype("f4")
    rounded = gallery.round_mantissa(values)
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(rounded, values, rtol=5e-4)
    assert (rounded.view("u4") % 2**12 == 0).all()
    np.testing.assert_array_equal(gallery.round_mantissa(np.array([0, np.nan, -1], "f4")), [0, np.nan, -1])


def test_absent_modality_is_packed_as_nan_though_shards_hold_zeros():
    data = {"targetid": np.array([5, 6]), "z": np.zeros(2, "f4")}
    data |= {"image": np.zeros((2, 4, 4, 3), "f4"), "spectrum": np.zeros((2, 9), "f4")}
    data |= {"has_image": np.array([True, False]), "has_spectrum": np.array([False, True])}
    packed = gallery.pack(data)
    assert set(packed) == {"targetid", "z", "image", "spectrum"}
    assert np.isnan(packed["image"]).all(axis=(1, 2, 3)).tolist() == [False, True]
    assert np.isnan(packed["spectrum"]).all(axis=1).tolist() == [True, False]


def test_galaxies_missing_from_the_shards_are_reported(tmp_path):
    path = factories.make_dataset(tmp_path, np.arange(6), np.full(6, 0.1), ["test"] * 6)
    with pytest.raises(DataError, match="the shards hold 2 of 3 galaxies wanted"):
        io.read_galaxies(io.read_manifest(path), np.array([5, 1, 1, 77]), ["targetid"])


def test_scripts_run_from_ledger_to_gallery(tmp_path, monkeypatch):
    """The scripts of the workflow in their order, on files alone; each shown galaxy keeps its own pixels."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "workflow" / "scripts")
    parquet = {
        name: tmp_path / f"{name}.parquet"
        for name in ("ledger", "train", "test", "properties", "predictions", "neighbours", "roles")
    }
    ids, z = np.arange(2000, 2000 + N), rng().uniform(0.05, 0.5, N)
    splits = np.repeat(["train", "test"], N // 2)
    io.write_table(
        pd.DataFrame({"targetid": ids, "split": splits, "z": z.astype("f4"), "kept": True}), parquet["ledger"]
    )
    for seed, split in enumerate(("train", "test")):
        rows = splits == split
        factories.make_embeddings(parquet[split], ids[rows], z[rows], split=split, seed=seed)

    run_script(
        "crossmatch",
        ledger=parquet["ledger"],
        provabgs=factories.make_provabgs(tmp_path / "provabgs.hdf5", ids[::2], z[::2]),
        properties=parquet["properties"],
        losses=tmp_path / "losses.csv",
    )
    run_script(
        "zeroshot",
        **{name: parquet[name] for name in ("train", "test", "properties", "predictions")},
        val=None,
        choice=tmp_path / "zeroshot.json",
        metrics=tmp_path / "zeroshot.csv",
        settings={"targets": None, "k": 4, "bootstrap": 10, "seed": 1},
    )
    run_script(
        "retrieval",
        test=parquet["test"],
        metrics=tmp_path / "retrieval.csv",
        neighbours=parquet["neighbours"],
        settings={
            **{"recall_at": [1], "neighbours": 2, "queries": 2, "query_rows": [], "single_row": None},
            **{"bootstrap": 10, "seed": 1},
        },
    )
    run_script(
        "agreement",
        test=parquet["test"],
        properties=parquet["properties"],
        metrics=tmp_path / "agreement.csv",
        settings={"ranks": [1, 5], "bootstrap": 10, "seed": 1},
        targets=None,
    )
    for space in tables.MODALITIES:
        run_structure_scripts(tmp_path, space)
    pixels = {
        "manifest": factories.make_dataset(tmp_path, ids, z, splits),
        "settings": {"examples": 2, "seed": 1},
        "pixels": None,
        "crop_px": 8,
    }
    run_script(
        "gallery",
        **pixels,
        embeddings=parquet["test"],
        properties=parquet["properties"],
        neighbours=parquet["neighbours"],
        gallery=tmp_path / "gallery.h5",
        roles=parquet["roles"],
    )
    check_pixels(tmp_path / "gallery.h5", parquet["roles"], ids[splits == "test"])
    run_script(
        "gallery_clusters",
        **pixels,
        embeddings=parquet["test"],
        clusters=tmp_path / "dbscan_image.parquet",
        gallery=tmp_path / "clusters.h5",
        roles=tmp_path / "clusters.parquet",
        method="dbscan",
        space="image",
    )
    check_pixels(tmp_path / "clusters.h5", tmp_path / "clusters.parquet", ids[splits == "test"])
    for name in ("zeroshot", "agreement"):
        assert set(io.read_table(tmp_path / f"{name}.csv")["target"]) == {"z", "log_mstar"}


def check_pixels(path: Path, roles: Path, test: np.ndarray) -> None:
    shown = io.read_table(roles)["targetid"]
    assert set(shown) <= set(test)
    with h5py.File(path) as file:
        assert sorted(file["targetid"]) == sorted(shown.unique())
        np.testing.assert_array_equal(file["image"][:, 0, 0, 0], file["targetid"][:] % 1000)
        assert file["spectrum"].shape[1:] == (tables.N_WAVELENGTH,)


def run_structure_scripts(folder: Path, space: str) -> None:
    inputs = {
        "embeddings": folder / "test.parquet",
        "projection": folder / f"umap_{space}.parquet",
        "space": space,
    }
    umap = {"n_neighbors": 5, "min_dist": 0.1, "metric": "cosine", "max_galaxies": 50, "seed": 1}
    run_script("project", **inputs, settings=umap)
    run_script(
        "cluster",
        **inputs,
        kmeans=folder / f"kmeans_{space}.parquet",
        dbscan=folder / f"dbscan_{space}.parquet",
        hdbscan=folder / f"hdbscan_{space}.parquet",
        summary=folder / f"clusterings_{space}.csv",
        scan=folder / f"scan_{space}.csv",
        settings={
            "kmeans_k": [2, 3],
            "dbscan_eps": "quantile",
            "dbscan_eps_quantile": 0.98,
            "hdbscan_min_share": 0.05,
            "dbscan_min_samples": 3,
            "silhouette_galaxies": 30,
            "seed": 1,
        },
    )


def run_script(script: str, **arguments: object) -> None:
    getattr(importlib.import_module(script), script)(**arguments)
