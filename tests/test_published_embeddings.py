"""Embeddings of other makers: each layout is read, each galaxy kept or given a reason, none loaded whole."""

import tracemalloc

import factories_embeddings as made
import numpy as np
import pandas as pd
import pytest

from galaxypair import io, tables
from galaxypair.errors import DataError
from galaxypair.published.embeddings import import_embeddings
from galaxypair.published.layouts import holds_pixels, split_files
from galaxypair.published.pixels import read_galaxies
from galaxypair.quality import Cuts
from galaxypair.splits import by_hash

N = 200
IDS = 39627000000000000 + np.arange(N)  # neighbours are equal as float64
Z = np.linspace(0.05, 0.5, N).astype("f4")
SPLIT = {"train_fraction": 0.8, "val_fraction": 0.1}


def cuts(**changes) -> Cuts:
    usual = {
        "shard_rows": 1,
        "crop_px": 112,
        "core_px": 96,
        "max_bad_pixel_fraction": 1,
        "z_min": 0.0,
        "z_max": 0.8,
    }
    usual |= {"max_bad_wavelength_fraction": 1, "require_z": True, "require_modalities": "both"}
    return Cuts(**(usual | {"match_radius_arcsec": 0, "dtype": "float32"} | changes))


def run(files, folder, layout="auto", modalities=tables.MODALITIES, split=SPLIT, **changes):
    """Import; give the ledger, the source and the embeddings of each split."""
    files = files if isinstance(files, dict) else {"": files}
    outputs = {s: folder / "out" / f"{s}.parquet" for s in tables.SPLITS}
    settings = {"layout": layout, "modalities": list(modalities)}
    ledger, source = import_embeddings(files, outputs, settings, cuts(**changes), split)
    return ledger, source, {s: io.read_embeddings(path) for s, path in outputs.items()}


def together(embeddings, modality="image"):
    """Raw vectors of all splits by TARGETID."""
    return {int(t): v for e in embeddings.values() for t, v in zip(e.targetid, e.raw[modality], strict=True)}


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".h5", ".npz"])
def test_table_of_any_kind_is_read_exactly(tmp_path, suffix):
    ledger, source, embeddings = run(made.make_table(tmp_path / f"own{suffix}", IDS, Z), tmp_path)
    assert source["layout"] == "table"
    assert ledger["targetid"].tolist() == IDS.tolist()
    np.testing.assert_array_equal(ledger["z"], Z)
    for modality, expected in made.make_vectors(Z).items():
        found = together(embeddings, modality)
        np.testing.assert_allclose(
            [found[t] for t in IDS.tolist()], expected, rtol=0 if suffix != ".csv" else 1e-6
        )


@pytest.mark.parametrize(
    ("make", "name"), [(made.make_official_pair, "pair.hdf5"), (made.make_official_search, "s.h5")]
)
def test_official_layouts_are_recognised(tmp_path, make, name):
    ledger, source, embeddings = run(make(tmp_path / name, IDS, Z), tmp_path, require_z=False)
    assert source["layout"] == "official"
    assert ledger["kept"].all()
    np.testing.assert_array_equal(ledger["z"], Z if name == "pair.hdf5" else np.full(N, np.nan))
    assert len(together(embeddings)) == N


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rep_layout_takes_the_embeddings_not_the_spectra(tmp_path, save):
    arrays = made.rep_arrays(tmp_path)
    save(tmp_path / "embeddings-main.npz", **arrays)
    ledger, source, embeddings = run(tmp_path / "embeddings-main.npz", tmp_path)
    assert source["layout"] == "rep"
    assert source["embedding_dim"] == made.DIM
    found = together(embeddings, "spectrum")
    np.testing.assert_array_equal([found[t] for t in arrays["targetid"].tolist()], arrays["spectra"])
    for e in embeddings.values():
        np.testing.assert_allclose(np.linalg.norm(e.unit["image"], axis=1), 1, rtol=1e-5)
        assert not np.allclose(np.linalg.norm(e.raw["image"], axis=1), 1)
    assert ledger["kept"].all()


def test_pictures_and_spectra_are_not_loaded(tmp_path):
    arrays = made.rep_arrays(tmp_path, 64)
    np.savez(tmp_path / "x.npz", **arrays)  # 20 MB
    tracemalloc.start()
    run(tmp_path / "x.npz", tmp_path)
    imported = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    read_galaxies(tmp_path / "x.npz", arrays["targetid"][[3, 60]], 112)
    shown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert imported < 10e6  # most of it for the checksum
    assert shown < 12e6


def test_pixels_come_back_as_in_the_joint_file(tmp_path):
    arrays = made.rep_arrays(tmp_path)
    np.savez(tmp_path / "x.npz", **arrays)
    block = next(io.iter_joint(tmp_path / "joint.h5", 64))
    wanted = [9, 2, 2]
    read = read_galaxies(tmp_path / "x.npz", arrays["targetid"][wanted], 96)
    np.testing.assert_array_equal(read["targetid"], arrays["targetid"][[2, 9]])
    np.testing.assert_array_equal(read["spectrum"], block.spectra[[2, 9]])
    np.testing.assert_array_equal(read["z"], block.z[[2, 9]])
    expected = block.images[[2, 9]][:, 28:124, 28:124]
    faint = np.abs(expected) < 0.05  # not clipped, neither at 0 nor at full brightness
    shown = arrays["images"].swapaxes(1, 2)[[2, 9]][:, 28:124, 28:124, ::-1]
    open_ = faint & (shown > 0).all(-1, keepdims=True)
    assert open_.mean() > 0.2
    np.testing.assert_allclose(read["image"][open_], expected[open_], atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"images": np.zeros((24, 96, 96, 3), "f4")},
            r"array `images` is float32 with rows of shape \(96, 96, 3\)",
        ),
        ({"source_spec": np.zeros((24, 7781, 1), "i4")}, "array `source_spec` is int32"),
        ({"source_spec": None}, "no array `source_spec`"),
        ({"targetid": np.arange(24)}, "lacks 1 of 1 galaxies wanted"),
    ],
)
def test_pixels_of_another_file_are_refused(tmp_path, change, message):
    arrays = made.rep_arrays(tmp_path)
    wanted = arrays["targetid"][:1]
    np.savez(tmp_path / "x.npz", **{k: v for k, v in (arrays | change).items() if v is not None})
    with pytest.raises(DataError, match=message):
        read_galaxies(tmp_path / "x.npz", wanted, 96)


def test_pixels_are_announced_by_the_names_in_the_archive(tmp_path):
    arrays = made.rep_arrays(tmp_path, 2)
    np.savez(tmp_path / "rep.npz", **arrays)
    np.savez(tmp_path / "bare.npz", **{k: v for k, v in arrays.items() if k != "images"})
    (tmp_path / "x.npz").write_bytes(b"no archive")
    found = {
        name: holds_pixels(str(tmp_path / name), "auto")
        for name in ("rep.npz", "bare.npz", "x.npz", "none.npz")
    }
    assert found == {"rep.npz": True, "bare.npz": False, "x.npz": False, "none.npz": False}
    assert holds_pixels(str(tmp_path / "none.npz"), "rep")
    assert not holds_pixels(str(tmp_path / "rep.npz"), "table")


def test_rejects_have_reasons_and_no_row_is_lost(tmp_path):
    vectors = {m: v.copy() for m, v in made.make_vectors(Z).items()}
    vectors["image"][0, 3] = np.nan
    vectors["spectrum"][1] = np.nan
    vectors["spectrum"][2] = 0
    vectors["image"][3, 0] = np.inf
    z, ids = Z.copy(), IDS.copy()
    z[4], z[5], z[6] = np.nan, -0.1, 0.9
    ids[8] = ids[7]
    ids[0] = ids[9]  # the bad row of a target does not shut out its good one
    path = made.make_table(tmp_path / "own.npz", ids, z)
    np.savez(path, targetid=ids, z=z, **{f"{m}_embedding": v for m, v in vectors.items()})
    ledger, _, embeddings = run(path, tmp_path)
    assert ledger["reason"].tolist()[:10] == [
        *("embedding_invalid", "spectrum_absent", "embedding_invalid", "embedding_invalid"),
        *("z_missing", "z_out_of_range", "z_out_of_range", "", "duplicate_targetid", ""),
    ]
    assert list(ledger.columns) == list(tables.LEDGER_COLUMNS)
    assert ledger["detail"].tolist()[:2] == [
        f"{m} embedding absent, not finite or zero" for m in tables.MODALITIES
    ]
    assert (ledger["kept"] == (ledger["reason"] == "")).all()
    assert set(ledger["reason"]) <= {"", *tables.REASONS}
    kept = np.concatenate([e.targetid for e in embeddings.values()])
    assert sorted(kept) == sorted(ledger.loc[ledger["kept"], "targetid"])
    assert len(ledger) == N


def test_either_keeps_the_good_modality_and_leaves_out_the_bad_one(tmp_path):
    vectors = made.make_vectors(Z)
    vectors["image"][0, 3] = np.nan
    np.savez(tmp_path / "own.npz", targetid=IDS, z=Z, **{f"{m}_embedding": v for m, v in vectors.items()})
    ledger, _, embeddings = run(tmp_path / "own.npz", tmp_path, require_modalities="either")
    assert ledger["kept"].all()
    assert ledger.loc[0, "detail"] == "left out: image embedding absent, not finite or zero"
    assert not ledger.loc[0, "has_image"]
    assert np.isnan(together(embeddings)[IDS[0]]).all()
    assert np.isfinite(together(embeddings, "spectrum")[IDS[0]]).all()


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_one_modality_alone_is_enough_if_the_config_says_so(tmp_path, modality):
    np.savez(
        tmp_path / "own.npz", targetid=IDS, z=Z, **{f"{modality}_embedding": made.make_vectors(Z)[modality]}
    )
    with pytest.raises(DataError, match=rf"`embeddings: {{modalities: \[{modality}\]}}`"):
        run(tmp_path / "own.npz", tmp_path)
    ledger, _, embeddings = run(tmp_path / "own.npz", tmp_path, modalities=[modality])
    assert ledger["kept"].all()
    other = next(m for m in tables.MODALITIES if m != modality)
    assert np.isnan(embeddings["test"].raw[other]).all()
    assert not ledger[f"has_{other}"].any()


def test_split_follows_the_targetid_alone(tmp_path):
    order = np.random.default_rng(1).permutation(N)
    first, source, _ = run(made.make_table(tmp_path / "a.npz", IDS, Z), tmp_path)
    second, _, _ = run(made.make_table(tmp_path / "b.npz", IDS[order], Z[order]), tmp_path)
    assert source["split"] == "by a hash of TARGETID"
    by_id = [ledger.set_index("targetid")["split"].sort_index() for ledger in (first, second)]
    pd.testing.assert_series_equal(*by_id)
    share = first["split"].value_counts(normalize=True)
    assert share["test"] == pytest.approx(0.2, abs=0.06)
    assert share["val"] == pytest.approx(0.08, abs=0.05)


def test_val_is_a_share_of_train_in_the_split_by_hash():
    codes = by_hash(np.arange(100_000), train_fraction=0.5, val_fraction=0.4)
    np.testing.assert_allclose(np.bincount(codes) / 100_000, [0.3, 0.2, 0.5], atol=0.005)  # train, val, test


def test_split_of_the_file_is_kept(tmp_path):
    names = np.array(["train", "validation", "test", "test"])[np.arange(N) % 4]
    ledger, source, embeddings = run(made.make_table(tmp_path / "own.csv", IDS, Z, split=names), tmp_path)
    assert ledger["split"].tolist() == np.where(names == "validation", "val", names).tolist()
    assert source["split"] == "as in the file"
    assert embeddings["val"].targetid.tolist() == IDS[names == "validation"].tolist()


def test_one_file_for_each_split_keeps_them(tmp_path):
    files = {name: tmp_path / f"{name}.parquet" for name in ("train", "test")}
    for rows, path in zip((slice(0, 150), slice(140, N)), files.values(), strict=True):
        made.make_table(path, IDS[rows], Z[rows])
    ledger, source, embeddings = run(files, tmp_path)
    assert embeddings["train"].targetid.tolist() == IDS[:150].tolist()
    assert embeddings["test"].targetid.tolist() == IDS[150:].tolist()
    assert (ledger["reason"] == "duplicate_targetid").sum() == 10
    assert [file["rows"] for file in source["files"]] == [150, 60]
    assert split_files("a/{split}.npz")["val"] == "a/val.npz"
    assert split_files("a.npz") == {"": "a.npz"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targetid": IDS.astype("f8")}, "column `targetid` is float64, expected whole numbers"),
        ({"image_embedding": np.zeros((N, 16), "i4")}, "column `image_embedding` is int32"),
        ({"image_embedding": np.zeros((N, 4, 4), "f4")}, r"float32 with rows of shape \(4, 4\)"),
        ({"image_embedding": np.zeros((N, 8), "f4")}, "of images have 8 dimensions, of spectra 16"),
        ({"image_embedding": None}, r"expected .*image_embedding \(or image_embedding_0, ...\).* \(table\)"),
        ({"z": np.full(N, "a")}, "column `z` is <U1"),
        ({"split": np.full(N, "dev")}, "column `split` holds 'dev', expected train, val, test"),
        (
            {"z": np.full(N, np.nan)},
            "no galaxy is left for the train split .*200 z_missing.*require_z: false",
        ),
        ({"split": np.full(N, "train")}, "no galaxy is left for the test split"),
    ],
)
def test_unusable_files_are_refused(tmp_path, change, message):
    arrays = {"targetid": IDS, "z": Z, **{f"{m}_embedding": v for m, v in made.make_vectors(Z).items()}}
    np.savez(tmp_path / "own.npz", **{k: v for k, v in (arrays | change).items() if v is not None})
    with pytest.raises(DataError, match=message):
        run(tmp_path / "own.npz", tmp_path)
    assert list((tmp_path / "out").glob("*")) == []  # nothing half-made is left


@pytest.mark.parametrize("absent", ["targetid", "image_embedding"])
def test_column_that_is_missing_is_named_first(tmp_path, absent):
    columns = {"targetid": IDS, "z": Z, **{f"{m}_embedding": v for m, v in made.make_vectors(Z).items()}}
    np.savez(tmp_path / "own.npz", **{name: v for name, v in columns.items() if name != absent})
    with pytest.raises(DataError, match=rf"own.npz`: lacks `{absent}` \(layout table\)\. It holds "):
        run(tmp_path / "own.npz", tmp_path)


def test_absent_file_is_named_with_its_key(tmp_path):
    with pytest.raises(DataError, match=r"own.npz` \(key `embeddings.path`\): no such file.*embeddings\.md"):
        run(tmp_path / "own.npz", tmp_path)


def test_layout_that_the_file_does_not_have_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"expected targetid, redshifts, im_embeddings, spectra \(rep\)"):
        run(made.make_table(tmp_path / "own.npz", IDS, Z), tmp_path, layout="rep")


def test_own_tables_of_embeddings_are_read_again(tmp_path):
    _, _, first = run(made.make_table(tmp_path / "own.npz", IDS, Z), tmp_path)
    files = {s: tmp_path / "out" / f"{s}.parquet" for s in tables.SPLITS}
    (tmp_path / "again").mkdir()
    _, _, second = run(files, tmp_path / "again", require_z=False)
    for name in tables.SPLITS:
        np.testing.assert_array_equal(first[name].raw["image"], second[name].raw["image"])
