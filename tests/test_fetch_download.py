import io
import json
import os
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from factories import make_joint, make_provabgs
from http_server import Answer, FileServer

from galaxypair.errors import DataError
from galaxypair.fetch import download

GLOBUS = {"endpoint": "59c8", "path": "/a/resnet50.ckpt"}


def entry(**changed: object) -> dict:
    return {"url": None, "path": None, "bytes": None, "sha256": None} | changed


def provide(folder: Path, name: str, **changed: object) -> dict:
    """Provide a file in a run below `folder`; give its record."""
    file, record = folder / "run" / name, folder / "run" / f"{name}.source.json"
    download.provide(name, entry(**changed), folder / "data", file, record)
    return json.loads(record.read_text())


def weights() -> bytes:
    """As torch.save writes them: a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # of a fixed date: archives that are made in different seconds would differ
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), b"weights" * 1000)
    return buffer.getvalue()


def test_own_file_is_used_in_place(tmp_path):
    path = make_joint(tmp_path / "j.h5", 2, 1)
    record = provide(tmp_path, "joint", path=str(path), url="http://127.0.0.1:1/never-asked.h5")
    assert (tmp_path / "run" / "joint").samefile(path)
    assert record == {"path": str(path), "bytes": path.stat().st_size, "sha256": None}
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        (
            "joint",
            {"path": "no/where.h5"},
            r"`no/where.h5` \(key `download.files.joint.path`\): no such file",
        ),
        (
            "joint",
            {"path": "own", "bytes": 3},
            r"`download.files.joint.bytes` says 3. Correct `download.files.joi",
        ),
        ("joint", {"path": "own", "sha256": "00000000"}, "its sha256 is .* says 00000000"),
        ("provabgs", {"path": "own"}, r"Not a PROVABGS catalogue.* Correct `download.files.provabgs.path`"),
        ("spender", {"path": "own"}, "starts with .*HDF.*, so it is another kind of file"),
        (
            "astroclip",
            {},
            r"`download.files.astroclip`: no address is known. .*name it in `download.files.astroc",
        ),
        (
            "stein",
            {"globus": GLOBUS},
            r"globus transfer 59c8:/a/resnet50.ckpt YOUR_ENDPOINT:/~/resnet50.ckpt",
        ),
        ("stein", {"globus": GLOBUS}, r"  download:\n    files:\n      stein:\n        path: resnet50.ckpt$"),
    ],
)
def test_file_that_cannot_be_used_stops_with_what_to_do(tmp_path, name, changed, message):
    own = make_joint(tmp_path / "own.h5", 2, 1)
    before = own.read_bytes()
    if changed.get("path") == "own":
        changed = changed | {"path": str(own)}
    with pytest.raises(DataError, match=message):
        provide(tmp_path, name, **changed)
    assert own.read_bytes() == before
    assert not (tmp_path / "run").exists()


def test_weights_are_fetched_once_for_all_runs(tmp_path):
    with FileServer({"spender.pt": weights()}) as server:
        url = server.url("spender.pt") + "?download=true"
        first = provide(tmp_path, "spender", url=url)
        assert provide(tmp_path, "spender", url=url) == first
        assert len(server.requests) == 1
    assert (tmp_path / "data" / "spender.pt").read_bytes() == weights()
    assert (tmp_path / "run" / "spender").samefile(tmp_path / "data" / "spender.pt")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "joint",
            weights(),
            r"starts with b'PK.*so it is another kind of file\. Correct `download.files.joint.url`",
        ),
        (
            "joint",
            b"\x89HDF\r\n\x1a\n and no more",
            r"cannot be opened as HDF5 .*Remove `.*f\.part` to fetch it",
        ),
        ("spender", b"\x89HDF\r\n\x1a\n", "so it is another kind of file"),
        ("spender", weights()[:-30], r"a truncated file of weights\. Remove `.*f\.part`"),
    ],
)
def test_file_of_another_kind_does_not_arrive(tmp_path, name, content, message):
    with FileServer({"f": content}) as server, pytest.raises(DataError, match=message):
        provide(tmp_path, name, url=server.url("f"))
    assert not (tmp_path / "data" / "f").exists() and not (tmp_path / "run").exists()


def test_other_way_that_the_config_knows_is_named_where_the_address_gives_nothing(tmp_path):
    with FileServer({}, [Answer(status=403)]) as server:
        with pytest.raises(DataError, match=r"refuses it \(HTTP status 403\).*files.joint.path`\. Or ask\.$"):
            provide(tmp_path, "joint", url=server.url("f"), instead="Or ask.")


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
