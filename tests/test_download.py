import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from factories import make_joint, make_provabgs

from galaxypair import download
from galaxypair.errors import DataError

URL = "https://example.org/astroclip.h5"


def test_unset_path_gives_the_commands_and_the_key():
    with pytest.raises(DataError, match=r"`download.joint` is not set") as caught:
        download.find_source("joint", None, URL)
    text = str(caught.value)
    assert f"curl -L -C - -o data/astroclip.h5 {URL}" in text
    assert "  download:\n    joint: data/astroclip.h5" in text and "60 GB" in text


def test_missing_file_is_fetched_to_where_it_was_expected(tmp_path):
    path = tmp_path / "big" / "p.hdf5"
    with pytest.raises(DataError, match=r"key `download.provabgs`\): no such file") as caught:
        download.find_source("provabgs", str(path), URL)
    assert f"mkdir -p {path.parent}" in str(caught.value) and f"-o {path} {URL}" in str(caught.value)


def test_file_that_is_there_is_found(tmp_path):
    path = make_joint(tmp_path / "j.h5", 2, 1)
    assert download.find_source("joint", str(path), URL) == path


def test_put_in_place_shares_the_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_joint(tmp_path / "j.h5", 2, 1)
    source, target = Path("j.h5"), tmp_path / "results" / "joint.h5"
    download.put_in_place(source, target)
    assert target.is_symlink() and target.samefile(source)
    download.put_in_place(source, target)  # again: nothing to do
    assert [p.name for p in target.parent.iterdir()] == ["joint.h5"]


def test_time_of_the_users_file_is_not_that_of_the_link(tmp_path):
    source = make_joint(tmp_path / "j.h5", 2, 1)
    before = source.stat().st_mtime
    download.put_in_place(source, tmp_path / "joint.h5")
    os.utime(tmp_path / "joint.h5", (1, 1), follow_symlinks=False)  # as Snakemake does
    assert source.stat().st_mtime == before


def test_put_in_place_links_hard_where_symbolic_links_are_impossible(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    source = make_joint(tmp_path / "j.h5", 2, 1)
    download.put_in_place(source, tmp_path / "results" / "joint.h5")
    target = tmp_path / "results" / "joint.h5"
    assert target.samefile(source) and not target.is_symlink()


def test_put_in_place_replaces_an_older_file_but_never_the_source(tmp_path):
    source = make_joint(tmp_path / "j.h5", 2, 1)
    before = source.read_bytes()
    target = tmp_path / "joint.h5"
    target.write_text("old")
    download.put_in_place(source, target)
    assert target.read_bytes() == source.read_bytes() == before


def test_provabgs_rows_are_counted(tmp_path):
    provabgs = make_provabgs(tmp_path / "p.hdf5", np.arange(5), np.full(5, 0.1))
    assert download.check_provabgs(provabgs) == 5


def test_joint_file_in_place_of_provabgs_stops(tmp_path):
    joint = make_joint(tmp_path / "j.h5", 3, 1)
    with pytest.raises(DataError, match=r"found 0\). Not a PROVABGS catalogue"):
        download.check_provabgs(joint)


def test_provabgs_without_masses_stops(tmp_path):
    with h5py.File(tmp_path / "p.hdf5", "w") as file:
        file["__astropy_table__"] = np.zeros(2, [("TARGETID", "i8"), ("RA", "f8"), ("DEC", "f8")])
    with pytest.raises(DataError, match=r"no column Z_HP, PROVABGS_LOGMSTAR_BF \(found TARGETID, RA, DEC\)"):
        download.check_provabgs(tmp_path / "p.hdf5")
