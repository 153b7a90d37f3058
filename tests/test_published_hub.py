"""Data sets of the hub's layout, from disk and from a server on this machine, to a joint file."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from datasets import Array2D, Array3D, Dataset, DatasetDict, Features, List, Value
from hub_server import serve

from galaxypair import io, splits, tables
from galaxypair.errors import DataError
from galaxypair.io.hub import nested_values, open_dataset, users_errors
from galaxypair.published import hub

FEATURES = Features(
    {
        "image": Array3D((152, 152, 3), "float32"),
        "spectrum": Array2D((7781, 1), "float32"),
        "redshift": Value("float32"),
        "targetid": Value("int64"),
    }
)
TRAIN, VAL, TEST, TRAIN_OR_VAL, ANY = range(5)


def make_rows(first: int, n: int) -> dict[str, list]:
    """Galaxies whose pixels and bins tell their TARGETID."""
    rng = np.random.default_rng(first)  # noise: zeros would be compressed to nothing
    images, spectra = rng.normal(size=(n, 152, 152, 3)).astype("f4"), np.zeros((n, 7781, 1), "f4")
    ids = np.arange(first, first + n)
    images[:, 0, 1, 2], spectra[:, 5, 0] = ids, -ids
    return {
        "image": list(images),
        "spectrum": list(spectra),
        "redshift": list(ids / 1000),
        "targetid": list(ids),
    }


def make_parquet(path: Path, rows: dict[str, list], features: Features = FEATURES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_dict(rows, features=features).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three splits under the names of astroclip-mini's files."""
    folder = tmp_path_factory.mktemp("mini") / "data"
    for label, first, n in (("train", 10, 6), ("val", 20, 2), ("test", 30, 3)):
        make_parquet(folder / f"{label}-00000-of-00001.parquet", make_rows(first, n))
    return folder.parent


def convert(name: object, joint: Path, max_galaxies: int | None = None):
    with h5py.File(joint, "w") as file:
        return hub.write_survey(str(name), open_dataset(str(name)), file, max_galaxies=max_galaxies)


def read(joint: Path) -> io.JointBlock:
    (block,) = io.iter_joint(joint)
    return block


def test_splits_of_a_dataset_are_kept(mini, tmp_path):
    catalogue = convert(mini, tmp_path / "joint.h5")
    block = read(tmp_path / "joint.h5")
    order = np.argsort(block.targetid)
    ids = [*range(10, 16), 20, 21, 30, 31, 32]
    assert block.targetid[order].tolist() == ids
    assert block.split[order].tolist() == [TRAIN] * 6 + [VAL] * 2 + [TEST] * 3
    np.testing.assert_array_equal(block.images[:, 0, 1, 2], block.targetid)
    np.testing.assert_array_equal(block.spectra[:, 5], -block.targetid)
    np.testing.assert_allclose(block.z, block.targetid / 1000, rtol=1e-6)
    assert catalogue["kept"].all() and len(catalogue) == 11
    io.write_table(catalogue, tmp_path / "catalogue.parquet")


def test_galaxies_of_each_split_can_be_limited(mini, tmp_path):
    catalogue = convert(mini, tmp_path / "joint.h5", max_galaxies=2)
    assert catalogue["source_split"].value_counts().to_dict() == {"train": 2, "val": 2, "test": 2}
    assert sorted(catalogue["targetid"]) == [10, 11, 20, 21, 30, 31]


def test_single_split_is_divided_by_targetid_not_by_order(tmp_path):
    make_parquet(tmp_path / "data" / "train-00000-of-00001.parquet", make_rows(1, 4))
    convert(tmp_path / "data", tmp_path / "joint.h5")
    assert read(tmp_path / "joint.h5").split.tolist() == [ANY] * 4


def test_glob_is_one_set(mini, tmp_path):
    convert(mini / "data" / "t*.parquet", tmp_path / "joint.h5")
    block = read(tmp_path / "joint.h5")
    assert len(block.targetid) == 9
    assert set(block.split) == {ANY}


@pytest.mark.parametrize("several", [True, False])
def test_saved_dataset_is_read(tmp_path, several):
    one = Dataset.from_dict(make_rows(1, 3), features=FEATURES)
    (DatasetDict({"train": one, "test": one}) if several else one).save_to_disk(tmp_path / "saved")
    convert(tmp_path / "saved", tmp_path / "joint.h5")
    assert read(tmp_path / "joint.h5").split.tolist() == (
        [TRAIN_OR_VAL] * 3 + [TEST] * 3 if several else [ANY] * 3
    )


def test_unusable_rows_get_a_reason_and_the_others_stay_aligned(tmp_path):
    rows = make_rows(1, 6)
    rows["image"][1], rows["spectrum"][2], rows["targetid"][3], rows["redshift"][4] = None, None, None, None
    make_parquet(tmp_path / "data" / "a.parquet", rows)
    catalogue = convert(tmp_path / "data", tmp_path / "joint.h5")
    assert catalogue["reason"].tolist() == ["", "image_absent", "spectrum_absent", "targetid_missing", "", ""]
    assert catalogue["targetid"].tolist() == [1, 2, 3, -1, 5, 6]
    assert set(catalogue["reason"]) <= {"", *tables.REASONS}
    block = read(tmp_path / "joint.h5")
    assert block.targetid.tolist() == [1, 5, 6]
    np.testing.assert_array_equal(block.images[:, 0, 1, 2], [1, 5, 6])
    assert np.isnan(block.z).tolist() == [False, True, False]


def test_plain_lists_are_read_and_their_shapes_judged_row_by_row(tmp_path):
    plain = Features(
        FEATURES | {"image": List(List(List(Value("float32")))), "spectrum": List(Value("float32"))}
    )
    rows = make_rows(1, 3)
    rows["spectrum"] = [s[:, 0] for s in rows["spectrum"]]
    rows["image"] = [image.tolist() for image in rows["image"]]
    rows["image"][0] = np.zeros((96, 96, 3)).tolist()
    rows["spectrum"][1] = rows["spectrum"][1][:4000]
    make_parquet(tmp_path / "data" / "a.parquet", rows, plain)
    catalogue = convert(tmp_path / "data", tmp_path / "joint.h5")
    assert catalogue["reason"].tolist() == ["image_wrong_shape", "spectrum_wrong_shape", ""]
    assert read(tmp_path / "joint.h5").spectra[0, 5] == -3


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([[[1.0, 2], [3, 4]], None, [[1, 2], [3]]], ["", "absent", "wrong_shape"]),
        ([[[1.0, 2], None]], ["wrong_shape"]),
        ([[], [[1.0], [2]]], ["wrong_shape", "wrong_shape"]),
    ],
)
def test_nested_values_judges_each_row(lists, expected):
    column = pa.chunked_array([pa.array([[[9.0, 9], [9, 9]]], pa.list_(pa.list_(pa.float32()))),
                               pa.array(lists, pa.list_(pa.list_(pa.float32())))])  # fmt: skip
    values, verdict = nested_values(column.slice(1), (2, 2))
    assert verdict.tolist() == expected
    assert np.isnan(values[verdict != ""]).all()
    assert values[verdict == ""].ravel().tolist() == ([1, 2, 3, 4] if "" in expected else [])


def test_missing_pixel_is_nan():
    values, verdict = nested_values(pa.chunked_array([[[1.0, None]]]), (2,))
    assert verdict.tolist() == [""] and np.isnan(values[0, 1])


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"image": Array3D((3, 152, 152), "float32")}, "columns image are"),
        ({"spectrum": Array2D((4000, 1), "float32")}, "columns spectrum are"),
        ({"targetid": Value("string")}, "columns targetid are"),
        ({"redshift": None}, "columns redshift are"),
        ({"image": List(List(Value("float32")))}, "columns image are"),
    ],
)
def test_other_columns_are_refused_with_what_was_found(changed, named):
    features = {name: f for name, f in (dict(FEATURES) | changed).items() if f is not None}
    with pytest.raises(DataError, match=rf"`x/y`: the {named}.*found .*targetid"):
        hub.check_features("x/y", Features(features))


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (["train", "val", "test"], [TRAIN, VAL, TEST]),
        (["train", "validation", "test"], [TRAIN, VAL, TEST]),
        (["train", "test"], [TRAIN_OR_VAL, TEST]),
        (["everything"], [ANY]),
    ],
)
def test_split_names(names, codes):
    assert list(hub.split_codes("x/y", names).values()) == codes


@pytest.mark.parametrize("names", [["train", "extra"], ["train", "val", "validation"]])
def test_other_splits_are_refused(names):
    with pytest.raises(DataError, match="its splits are train, "):
        hub.split_codes("x/y", names)


def test_splits_are_resolved_by_targetid_alone():
    ids = np.arange(20_000)
    code = np.repeat(np.array([TRAIN, VAL, TEST, TRAIN_OR_VAL, ANY], "u1"), 4000)
    fractions = {"train_fraction": 0.8, "val_fraction": 0.1}
    split = splits.resolve(code, ids, **fractions)
    shares = [np.bincount(split[code == c], minlength=3) / 4000 for c in range(5)]
    np.testing.assert_array_equal(shares[:3], np.eye(3))
    np.testing.assert_allclose(shares[3], [0.9, 0.1, 0], atol=0.02)
    np.testing.assert_allclose(shares[4], [0.72, 0.08, 0.2], atol=0.02)
    order = np.random.default_rng(1).permutation(len(ids))
    np.testing.assert_array_equal(splits.resolve(code[order], ids[order], **fractions), split[order])
    brought = splits.assign(np.arange(len(ids)), len(ids), ids, brought=code, **fractions)
    np.testing.assert_array_equal(brought, split)


def test_missing_files_of_a_series_are_told(tmp_path, caplog):
    for part in (0, 2):
        make_parquet(tmp_path / "data" / f"train-{part:05d}-of-00138-5f0a.parquet", make_rows(part, 1))
    open_dataset(str(tmp_path / "data"))
    assert "2 of the 138 files" in caplog.text


def test_complete_series_is_not_complained_about(mini, caplog):
    open_dataset(str(mini))
    assert "files that their names speak of" not in caplog.text


def test_messages_of_the_libraries_are_shown_once(mini):
    open_dataset(str(mini))
    for library in ("datasets", "huggingface_hub"):
        assert logging.getLogger(library).handlers == [] and logging.getLogger(library).propagate


def test_damaged_file_is_refused_before_any_row_is_read(mini, tmp_path):
    whole = (mini / "data" / "train-00000-of-00001.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole)
    (tmp_path / "b.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        open_dataset(str(tmp_path))


def test_files_with_different_columns_are_refused_before_any_row_is_read(tmp_path):
    make_parquet(tmp_path / "a.parquet", make_rows(1, 1))
    make_parquet(tmp_path / "b.parquet", make_rows(1, 1), Features(FEATURES | {"redshift": Value("float64")}))
    with pytest.raises(DataError, match=r"the columns of .*b\.parquet are others"):
        open_dataset(str(tmp_path))


def test_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("image\n1\n")
    with pytest.raises(DataError, match="not parquet"):
        open_dataset(str(tmp_path))


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no file"):
        open_dataset(str(tmp_path))


def test_dataset_without_a_usable_galaxy_is_refused(tmp_path):
    make_parquet(tmp_path / "data" / "a.parquet", make_rows(1, 2) | {"image": [None, None]})
    with pytest.raises(DataError, match=r"not one galaxy can be used .*2 image_absent"):
        convert(tmp_path / "data", tmp_path / "joint.h5")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("Couldn't reach"), "cannot be reached"),
        (TimeoutError(), "cannot be reached"),
        (pa.ArrowInvalid("Parquet magic bytes"), "incomplete"),
    ],
)
def test_known_errors_say_what_to_do(error, said):
    with pytest.raises(DataError, match=said), users_errors("x/y"):
        raise error


def test_unknown_errors_are_left_alone():
    with pytest.raises(KeyError), users_errors("x/y"):
        raise KeyError("a fault of ours")


REMOTE = """
import json, sys, time
from pathlib import Path
import datasets, h5py
from galaxypair.errors import DataError
from galaxypair.io.hub import open_dataset
from galaxypair.published import hub
datasets.config.STREAMING_READ_MAX_RETRIES = 1
time.sleep = lambda _: None  # no waiting between attempts
said = {}
for name in ("good/x", "gated/x", "scripted/x", "unknown/x", "broken/x"):
    joint = Path(sys.argv[1]) / f"{name[:4]}.h5"
    try:
        with h5py.File(joint, "w") as file:
            said[name] = len(hub.write_survey(name, open_dataset(name), file, max_galaxies=1))
    except DataError as err:
        said[name] = str(err)
print(json.dumps(said))
"""


def test_hub_is_streamed_and_its_refusals_are_told(mini, tmp_path):
    environment = os.environ | {
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": "hf_secret",
        "HF_HUB_DISABLE_XET": "1",
        "no_proxy": "127.0.0.1",
        "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
    }
    with serve(mini / "data") as (address, requests):
        command = [sys.executable, "-c", REMOTE, str(tmp_path)]
        done = subprocess.run(
            command, env=environment | {"HF_ENDPOINT": address}, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["good/x"] == 3
    assert sorted(read(tmp_path / "good.h5").targetid) == [10, 20, 30]
    assert "export HF_TOKEN" in said["gated/x"] and "conditions" in said["gated/x"]
    assert "loading script" in said["scripted/x"]
    assert "no such data set" in said["unknown/x"]
    assert "run the same command again" in said["broken/x"]
    # readers that are left half-way may abort the interpreter at its exit
    assert "terminate called" not in done.stderr and "Exception ignored" not in done.stderr
    assert any("hf_secret" in request for request in requests)
    assert "hf_secret" not in done.stderr + done.stdout
