"""Joint files that are damaged or are something else: each stops with what is wrong and where."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from factories import make_joint

from galaxypair import io, tables
from galaxypair.errors import DataError


@pytest.fixture
def joint(tmp_path: Path) -> Path:
    return make_joint(tmp_path / "joint.h5", n_per_group=4, groups=2)


def replace(path: Path, name: str, values: np.ndarray | None) -> None:
    with h5py.File(path, "a") as file:
        del file[name]
        if values is not None:
            file[name] = values


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match=r"nowhere.h5`: no such file. Check the path in the config"):
        io.check_joint(tmp_path / "nowhere.h5")


def test_folder_in_place_of_a_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        io.check_joint(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_truncated_file(joint, share):
    os.truncate(joint, int(joint.stat().st_size * share))
    with pytest.raises(DataError, match=r"joint.h5`: cannot be opened as HDF5 .* incomplete or damaged"):
        list(io.iter_joint(joint))


def test_file_that_lacks_a_group_among_others(tmp_path):
    path = make_joint(tmp_path / "joint.h5", n_per_group=1, groups=4)
    replace(path, "2", None)
    with pytest.raises(DataError, match=r"joint.h5`: group `2` is missing .* fetch or make it again"):
        io.check_joint(path)


def test_web_page_saved_under_the_name_of_the_file(joint):
    joint.write_text("<html>404 Not Found</html>")
    with pytest.raises(DataError, match="cannot be opened as HDF5"):
        io.check_joint(joint)


@pytest.mark.skipif(
    os.environ.get("HDF5_USE_FILE_LOCKING", "TRUE").upper() in ("FALSE", "0"),
    reason="HDF5 is told not to lock files here",
)
def test_file_that_another_program_writes(joint):
    ready, done = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        with h5py.File(joint, "a"):
            os.write(ready[1], b"x")
            os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    try:
        with pytest.raises(DataError, match=r"cannot be read now .* wait for the program to end"):
            io.check_joint(joint)
    finally:
        os.write(done[1], b"x")
        os.waitpid(pid, 0)


def test_other_hdf5_file(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["flux"] = np.zeros(3)
    with pytest.raises(DataError, match=r"no groups `0`\.\.\.`9` \(found flux\)"):
        io.check_joint(tmp_path / "a.h5")


def test_empty_hdf5_file(tmp_path):
    h5py.File(tmp_path / "a.h5", "w").close()
    with pytest.raises(DataError, match=r"no groups .* \(found nothing\)"):
        io.check_joint(tmp_path / "a.h5")


def test_file_without_a_galaxy(joint):
    for group in ("0", "1"):
        for name, (shape, dtype) in tables.JOINT_DATASETS.items():
            replace(joint, f"{group}/{name}", np.zeros((0, *shape), dtype))
    with pytest.raises(DataError, match="groups hold no galaxy at all"):
        io.check_joint(joint)


def test_group_without_a_galaxy_is_passed_over(joint):
    for name, (shape, dtype) in tables.JOINT_DATASETS.items():
        replace(joint, f"0/{name}", np.zeros((0, *shape), dtype))
    assert io.check_joint(joint) == {"0": 0, "1": 4}
    assert sum(len(block.targetid) for block in io.iter_joint(joint)) == 4


def test_dataset_in_place_of_a_group(joint):
    replace(joint, "1", np.zeros(3))
    with pytest.raises(DataError, match=r"group `1` has no dataset `images` \(found no group, but a dataset"):
        io.check_joint(joint)


@pytest.mark.parametrize("name", ["images", "spectra", "redshifts", "targetids"])
def test_missing_dataset(joint, name):
    replace(joint, f"1/{name}", None)
    with pytest.raises(DataError, match=rf"group `1` has no dataset `{name}` \(found .*\)"):
        io.check_joint(joint)


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("images", (4, 3, 152, 152), r"\(n, 152, 152, 3\), found \(4, 3, 152, 152\)"),
        ("images", (4, 96, 96, 3), r"\(n, 152, 152, 3\), found \(4, 96, 96, 3\)"),
        ("spectra", (4, 3921), r"\(n, 7781, 1\), found \(4, 3921\)"),
        ("redshifts", (4, 1), r"\(n\), found \(4, 1\)"),
        ("redshifts", (), r"\(n\), found \(\)"),
    ],
)
def test_wrong_shape(joint, name, shape, expected):
    replace(joint, f"0/{name}", np.zeros(shape, "f4"))
    with pytest.raises(DataError, match=rf"group `0`, dataset `{name}`: expected shape {expected}"):
        io.check_joint(joint)


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("targetids", "f8", "expected int64, found float64"),  # a float holds no TARGETID exactly
        ("targetids", "S20", "expected int64, found |S20"),
        ("redshifts", "i4", "expected float32, found int32"),
    ],
)
def test_wrong_dtype(joint, name, dtype, expected):
    replace(joint, f"0/{name}", np.zeros(4, dtype))
    with pytest.raises(DataError, match=f"dataset `{name}`: {expected}"):
        io.check_joint(joint)


def test_unequal_rows(joint):
    replace(joint, "1/redshifts", np.zeros(3, "f4"))
    with pytest.raises(
        DataError,
        match=r"group `1`: the datasets differ .* \(images 4, spectra 4, redshifts 3, targetids 4\)",
    ):
        io.check_joint(joint)


def test_block_that_cannot_be_read(joint):
    with h5py.File(joint, "a") as file:
        images = file["1/images"][:]
        del file["1/images"]
        file["1"].create_dataset("images", data=images, chunks=(1, 152, 152, 3), compression="gzip")
        offset = file["1/images"].id.get_chunk_info(2).byte_offset
    with joint.open("r+b") as raw:
        raw.seek(offset)
        raw.write(b"\xff" * 64)
    with pytest.raises(DataError, match=r"group `1`, rows 2 onwards cannot be read"):
        list(io.iter_joint(joint, block_rows=2))


def test_no_message_leaves_the_user_without_a_remedy(joint):
    replace(joint, "0/redshifts", np.zeros((4, 1), "f4"))
    with pytest.raises(DataError, match=r"write it as `tables.JOINT_DATASETS` says"):
        io.check_joint(joint)
