import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from factories import make_joint, make_provabgs

from galaxypair import io, tables
from galaxypair.errors import DataError


def make_shard(path: Path, first_id: int, splits: list[str]) -> dict:
    n = len(splits)
    columns = {
        "targetid": first_id + np.arange(n),
        "z": np.linspace(0.1, 0.2, n, dtype="f4"),
        "split": np.array([tables.SPLITS.index(s) for s in splits], "u1"),
    }
    io.write_arrays(path, columns)
    return {"name": path.name, "rows": n}


def make_dataset(folder: Path) -> Path:
    shards = [
        make_shard(folder / "shard-00000.h5", 100, ["train", "test", "train", "val", "test"]),
        make_shard(folder / "shard-00001.h5", 200, ["train", "train", "test"]),
    ]
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"crop_px": 112, "shards": shards}))
    return manifest


def write_embeddings(path: Path, blocks: list[tuple[np.ndarray, dict]], dim: int = 3) -> Path:
    with io.atomic_path(path) as part, io.EmbeddingsWriter(part, "test", dim) as writer:
        for targetid, raw in blocks:
            writer.write(targetid, raw)
    return path


# --- joint file ----------------------------------------------------------------------------------


def test_iter_joint_gives_every_row_once_in_the_order_of_the_file(tmp_path):
    path = make_joint(tmp_path / "joint.h5", n_per_group=7, groups=2)
    blocks = list(io.iter_joint(path, block_rows=3))
    assert [(b.group, b.index[0], len(b.z)) for b in blocks] == [
        *(("0", 0, 3), ("0", 3, 3), ("0", 6, 1)),
        *(("1", 0, 3), ("1", 3, 3), ("1", 6, 1)),
    ]
    np.testing.assert_array_equal(np.concatenate([b.targetid for b in blocks]), 1000 + np.arange(14))
    with h5py.File(path) as file:
        np.testing.assert_array_equal(blocks[3].images, file["1"]["images"][:3])
        np.testing.assert_array_equal(blocks[3].spectra, file["1"]["spectra"][:3, :, 0])


def test_iter_joint_sorts_groups_by_number(tmp_path):
    path = make_joint(tmp_path / "joint.h5", n_per_group=1, groups=11)
    assert [b.group for b in io.iter_joint(path)] == [str(g) for g in range(11)]


def test_iter_joint_gives_the_dtypes_of_the_layout(tmp_path):
    path = make_joint(tmp_path / "joint.h5", n_per_group=2, groups=1)
    with h5py.File(path, "a") as file:  # as other tools may write it: double precision, flat spectra
        for name, values in {
            "redshifts": file["0/redshifts"][:],
            "spectra": file["0/spectra"][..., 0],
        }.items():
            del file["0"][name]
            file["0"][name] = values.astype("f8")
    (block,) = io.iter_joint(path)
    assert block.images.dtype == block.spectra.dtype == block.z.dtype == np.float32
    assert block.targetid.dtype == np.int64
    assert block.spectra.shape == (2, tables.N_WAVELENGTH)


def test_check_joint_counts_rows_of_each_group(tmp_path):
    assert io.check_joint(make_joint(tmp_path / "joint.h5", n_per_group=3, groups=2)) == {"0": 3, "1": 3}


# --- PROVABGS ------------------------------------------------------------------------------------


def test_read_provabgs_is_independent_of_the_block_size(tmp_path):
    path = make_provabgs(tmp_path / "provabgs.hdf5", np.arange(10), np.linspace(0, 0.5, 10))
    pd.testing.assert_frame_equal(io.read_provabgs(path, block_rows=3), io.read_provabgs(path))


@pytest.mark.filterwarnings("ignore:table path was not set")  # astropy says so of this name always
def test_read_provabgs_reads_what_astropy_writes(tmp_path):
    path = tmp_path / "provabgs.hdf5"
    table = Table({"TARGETID": [5, 6], "PROVABGS_LOGMSTAR_BF": [10.0, 11.0], "ZERR": [0.1, 0.2]})
    table["PROVABGS_MCMC"] = np.zeros((2, 4, 13))
    table["NAME"] = ["a", "b"]
    table.write(path, format="hdf5", path=tables.PROVABGS_GROUP)
    frame = io.read_provabgs(path)
    assert list(frame.columns) == ["targetid", "log_mstar", "zerr"]
    assert frame["log_mstar"].tolist() == [10.0, 11.0]


def test_read_provabgs_gives_native_byte_order(tmp_path):
    path = tmp_path / "provabgs.hdf5"
    io.write_provabgs(path, {"TARGETID": np.array([5, 6], ">i8"), "MAG_G": np.array([17.5, 18.5], ">f8")})
    frame = io.read_provabgs(path)
    assert frame.dtypes["mag_g"].isnative
    assert frame.sort_values("mag_g", ascending=False)["targetid"].tolist() == [6, 5]


def test_read_provabgs_of_no_galaxies(tmp_path):
    path = make_provabgs(tmp_path / "provabgs.hdf5", np.arange(0), np.arange(0.0))
    assert len(io.read_provabgs(path)) == 0
    assert "log_mstar" in io.read_provabgs(path)


def test_provabgs_without_its_table_is_refused(tmp_path):
    path = make_joint(tmp_path / "joint.h5", n_per_group=1, groups=1)
    with pytest.raises(DataError, match=r"no dataset `__astropy_table__` \(found 0\)"):
        io.read_provabgs(path)


def test_provabgs_without_targetid_is_refused(tmp_path):
    io.write_provabgs(tmp_path / "a.h5", {"ID": np.arange(3)})
    with pytest.raises(DataError, match=r"no column TARGETID \(found ID\)"):
        io.read_provabgs(tmp_path / "a.h5")


def test_provabgs_without_a_column_that_is_needed_is_refused(tmp_path):
    io.write_provabgs(tmp_path / "a.h5", {"TARGETID": np.arange(3), "RA": np.zeros(3)})
    with pytest.raises(
        DataError, match=r"no column DEC \(found TARGETID, RA\).*check `download.files.provabgs`"
    ):
        io.read_provabgs(tmp_path / "a.h5", needed=("TARGETID", "RA", "DEC"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"TARGETID": np.array([b"1", b"2"])}, r"column TARGETID is \|S1, expected integers"),
        ({"TARGETID": np.array([4e16, 5e16])}, r"column TARGETID is float64, expected integers"),
        ({"TARGETID": np.arange(2), "RA": np.array([b"1", b"2"])}, r"column RA is \|S1, expected numbers"),
        ({"TARGETID": np.arange(2), "RA": np.ones((2, 2))}, r"column RA is .*, expected numbers"),
        (
            {"TARGETID": np.arange(2), "RA": np.ones(2), "ra": np.ones(2)},
            r"columns RA, ra are one once names",
        ),
    ],
)
def test_provabgs_with_columns_of_another_kind_is_refused(tmp_path, columns, message):
    io.write_provabgs(tmp_path / "a.h5", columns)
    with pytest.raises(DataError, match=message):
        io.read_provabgs(tmp_path / "a.h5", needed=[name for name in columns if name != "ra"])


def test_provabgs_that_is_a_group_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group(tables.PROVABGS_GROUP)
    with pytest.raises(DataError, match="no dataset `__astropy_table__`"):
        io.read_provabgs(tmp_path / "a.h5")


def test_provabgs_positions_off_the_sky_are_unknown(tmp_path):
    columns = {"TARGETID": np.arange(4), "RA": [1, -999, 2.0, np.nan], "DEC": [1, 2, -999.0, 3]}
    io.write_provabgs(tmp_path / "a.h5", {name: np.array(values) for name, values in columns.items()})
    frame = io.read_provabgs(tmp_path / "a.h5")
    assert frame["ra"].notna().tolist() == frame["dec"].notna().tolist() == [True, False, False, False]


# --- shards --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "garbage", "[]", "{}", '{"shards": [1]}'])
def test_damaged_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"is no manifest of shards .* `--forcerun preprocess` added"):
        io.read_manifest(tmp_path / "manifest.json")


def test_iter_shards_gives_the_rows_of_one_split_in_order(tmp_path):
    manifest = io.read_manifest(make_dataset(tmp_path))
    batches = list(io.iter_shards(manifest, ["targetid", "z"], split="train", batch_rows=2))
    assert [b["targetid"].tolist() for b in batches] == [[100, 102], [200, 201]]
    assert all(set(b) == {"targetid", "z"} for b in batches)


def test_iter_shards_fills_every_batch_but_the_last_across_shards(tmp_path):
    manifest = io.read_manifest(make_dataset(tmp_path))
    sizes = [len(b["targetid"]) for b in io.iter_shards(manifest, ["targetid"], batch_rows=3)]
    assert set(sizes[:-1]) == {3}
    assert 1 <= sizes[-1] <= 3


def test_splits_share_no_row_and_miss_none(tmp_path):
    manifest = io.read_manifest(make_dataset(tmp_path))

    def ids(split: str | None) -> list[int]:
        return [int(i) for b in io.iter_shards(manifest, ["targetid"], split=split) for i in b["targetid"]]

    assert sorted(i for split in tables.SPLITS for i in ids(split)) == ids(None)


def test_missing_manifest_says_what_to_run(tmp_path):
    with pytest.raises(DataError, match=r"manifest.json`: no such file. Make the dataset first"):
        io.read_manifest(tmp_path / "manifest.json")


def test_missing_shard_is_named(tmp_path):
    path = make_dataset(tmp_path)
    (tmp_path / "shard-00001.h5").unlink()
    with pytest.raises(DataError, match=r"shard-00001.h5`: missing, though .* `--forcerun preprocess` added"):
        io.read_manifest(path)


def test_shard_without_a_column_is_refused(tmp_path):
    manifest = io.read_manifest(make_dataset(tmp_path))
    with pytest.raises(DataError, match=r"shard-00000.h5`: no dataset `image` \(found split, targetid, z\)"):
        list(io.iter_shards(manifest, ["image"]))


# --- tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_table_round_trip(tmp_path, suffix):
    frame = pd.DataFrame({"targetid": [39627731, 2**53 + 1], "z": [0.1, np.nan], "reason": ["a", "b"]})
    io.write_table(frame, tmp_path / f"t.{suffix}")
    pd.testing.assert_frame_equal(io.read_table(tmp_path / f"t.{suffix}"), frame)
    assert list(io.read_table(tmp_path / f"t.{suffix}", ["z"]).columns) == ["z"]


def test_names_that_look_like_numbers_stay_names(tmp_path):
    frame = pd.DataFrame({"id": ["007", "7"], "z": [0.1, 0.2]})
    io.write_table(frame, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(io.read_table(tmp_path / "table.csv"), frame)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_missing_table_is_named(tmp_path, suffix):
    with pytest.raises(DataError, match=rf"t.{suffix}`: no such file. If a rule writes it: `snakemake"):
        io.read_table(tmp_path / f"t.{suffix}")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_missing_column_is_named(tmp_path, suffix):
    io.write_table(pd.DataFrame({"z": [0.1]}), tmp_path / f"t.{suffix}")
    with pytest.raises(DataError, match=r"no column `mag` \(found z\)"):
        io.read_table(tmp_path / f"t.{suffix}", ["z", "mag"])


@pytest.mark.parametrize(("suffix", "content"), [("parquet", b"PAR1 and no more"), ("csv", b"")])
def test_damaged_table_is_refused(tmp_path, suffix, content):
    (tmp_path / f"t.{suffix}").write_bytes(content)
    with pytest.raises(
        DataError, match=rf"cannot be read as a {suffix} table .* fetch it again, or .* `--forcerun .*` added"
    ):
        io.read_table(tmp_path / f"t.{suffix}")


def test_failed_table_leaves_nothing(tmp_path):
    with pytest.raises(Exception, match="convert"):
        io.write_table(pd.DataFrame({"a": [1, "x"]}), tmp_path / "t.parquet")
    assert list(tmp_path.iterdir()) == []


# --- embeddings ----------------------------------------------------------------------------------


def test_embeddings_round_trip(tmp_path):
    rng = np.random.default_rng(1)
    first = {m: rng.normal(size=(4, 3)).astype("f4") for m in tables.MODALITIES}
    second = {m: rng.normal(size=(2, 3)).astype("f4") for m in tables.MODALITIES}
    second["spectrum"][1] = np.nan  # a galaxy without spectrum
    path = write_embeddings(tmp_path / "test.parquet", [(np.arange(4), first), (np.arange(4, 6), second)])
    read = io.read_embeddings(path)
    np.testing.assert_array_equal(read.targetid, np.arange(6))
    for modality in tables.MODALITIES:
        raw = np.concatenate([first[modality], second[modality]])
        np.testing.assert_array_equal(read.raw[modality], raw)
        np.testing.assert_allclose(read.unit[modality], io.unit(raw), rtol=1e-6)
        assert read.raw[modality].dtype == read.unit[modality].dtype == np.float32
    assert np.isnan(read.unit["spectrum"][5]).all()


def test_embeddings_table_opens_in_pandas_with_the_columns_of_the_contract(tmp_path):
    raw = {m: np.ones((2, 3), "f4") for m in tables.MODALITIES}
    frame = pd.read_parquet(write_embeddings(tmp_path / "test.parquet", [(np.arange(2), raw)]))
    assert list(frame.columns) == [
        "targetid",
        "split",
        "image_embedding",
        "image_embedding_unit",
        "spectrum_embedding",
        "spectrum_embedding_unit",
    ]
    assert frame["split"].tolist() == ["test", "test"]


def test_embeddings_of_an_empty_split_keep_their_length(tmp_path):
    read = io.read_embeddings(write_embeddings(tmp_path / "val.parquet", [], dim=5))
    assert read.raw["image"].shape == (0, 5)


def test_unit_vectors_have_length_one_and_zero_stays_zero():
    vectors = np.array([[3.0, 4.0], [0.0, 0.0]], "f4")
    np.testing.assert_allclose(io.unit(vectors), [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)


def test_own_embeddings_with_lists_of_any_length_are_refused(tmp_path):
    columns = {f"{m}_embedding{kind}": [[1.0, 2.0]] for m in tables.MODALITIES for kind in ("", "_unit")}
    io.write_table(pd.DataFrame({"targetid": [1], **columns}), tmp_path / "test.parquet")
    with pytest.raises(DataError, match=r"column `image_embedding` is list<.*>, expected fixed-size lists"):
        io.read_embeddings(tmp_path / "test.parquet")


def test_embeddings_without_a_modality_are_refused(tmp_path):
    io.write_table(pd.DataFrame({"targetid": [1]}), tmp_path / "test.parquet")
    with pytest.raises(DataError, match=r"no column `image_embedding` \(found targetid\)"):
        io.read_embeddings(tmp_path / "test.parquet")


def test_missing_embeddings_are_named(tmp_path):
    with pytest.raises(DataError, match=r"test.parquet`: no such file"):
        io.read_embeddings(tmp_path / "test.parquet")


def test_splits_of_a_joint_file_come_with_their_rows(tmp_path):
    brought = np.array([0, 1, 2, 3, 4], "u1")
    with h5py.File(make_joint(tmp_path / "joint.h5", n_per_group=5, groups=2), "a") as file:
        file["1/splits"] = brought
    blocks = list(io.iter_joint(tmp_path / "joint.h5", block_rows=2))
    assert [b.split for b in blocks if b.group == "0"] == [None] * 3
    np.testing.assert_array_equal(np.concatenate([b.split for b in blocks if b.group == "1"]), brought)


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (np.array([0, 5], "u1"), "values below 5"),
        (np.array([0, 1], "i8"), "uint8"),
        (np.zeros((2, 1), "u1"), r"expected shape \(n,\)"),
        (np.zeros(3, "u1"), "splits 3"),
    ],
)
def test_splits_that_say_nothing_are_refused(tmp_path, splits, said):
    with h5py.File(make_joint(tmp_path / "joint.h5", n_per_group=2, groups=1), "a") as file:
        file["0/splits"] = splits
    with pytest.raises(DataError, match=said):
        io.check_joint(tmp_path / "joint.h5")
