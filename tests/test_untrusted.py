"""Files made by somebody with bad intentions: refused, and nothing outside is read or run."""

import gzip
import json
import struct
import zlib

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from datasets import Dataset, DatasetDict
from http_server import FileServer

from galaxypair.errors import DataError
from galaxypair.fetch.http import Patience
from galaxypair.fetch.remote import RemoteHDF5
from galaxypair.ingest import limits
from galaxypair.ingest.cutouts import read_cutout
from galaxypair.ingest.rejection import Rejected
from galaxypair.ingest.spectra import read_spectrum
from galaxypair.io.hub import open_dataset
from galaxypair.io.mmu import find_files

NOT_FOLLOWED = "outside.*not followed"


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def lying_fits(path, cards: dict) -> None:
    """A packed FITS file of one header; zeros follow for as long as the test needs them."""
    header = fits.Header({"SIMPLE": True, "BITPIX": 8, "NAXIS": 0, **cards})
    path.write_bytes(gzip.compress(header.tostring().encode() + bytes(2880 * 400)))


@pytest.mark.parametrize("side", [6000, 60000])
def test_picture_that_unpacks_to_gigabytes_is_refused_by_its_header(tmp_path, side):
    path = tmp_path / "bomb.png"
    start = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + start + png_chunk(b"IDAT", zlib.compress(b"")))
    with pytest.raises(Rejected, match=r"bomb.png.*pixels"):
        read_cutout(path, ra=150.0, dec=2.0, pixel_scale=0.262)


def test_packed_image_that_unpacks_to_gigabytes_is_refused_by_its_header(tmp_path):
    path = tmp_path / "bomb.fits.gz"
    lying_fits(path, {"BITPIX": -32, "NAXIS": 3, "NAXIS1": 30000, "NAXIS2": 30000, "NAXIS3": 3})
    with pytest.raises(Rejected, match=r"bomb.fits.gz: 2,700,000,000 pixels.*cut out the galaxy"):
        read_cutout(path, ra=150.0, dec=2.0, pixel_scale=0.262)


def test_packed_spectrum_that_unpacks_to_gigabytes_is_refused_by_its_header(tmp_path):
    path = tmp_path / "coadd-bomb.fits.gz"
    lying_fits(path, {"BITPIX": -32, "NAXIS": 2, "NAXIS1": 2751, "NAXIS2": 1_000_000})
    with pytest.raises(Rejected, match=r"coadd-bomb.fits.gz: 11,004,000,000 bytes in one part"):
        read_spectrum(path, targetid=None, medium=None, default_medium="vacuum")


def test_packed_text_that_unpacks_to_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_TEXT_BYTES", 2**21)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"wavelength,flux\n" + b"5000,1\n" * 2**19))
    with pytest.raises(Rejected, match=r"bomb.csv.gz: more than 2,097,152 bytes of text"):
        read_spectrum(path, targetid=None, medium="vacuum", default_medium="auto")


def test_objects_named_in_an_ecsv_table_are_not_made(tmp_path):
    mark = tmp_path / "mark"
    lines = ["# %ECSV 1.0", "# ---", "# datatype:", "# - {name: wavelength, datatype: float64}"]
    lines += ["# - {name: flux, datatype: float64}"]
    lines += [f"# meta: !!python/object/apply:os.system ['touch {mark}']", "wavelength flux", "5000 1"]
    (tmp_path / "evil.ecsv").write_text("\n".join(lines) + "\n")
    with pytest.raises(Rejected, match=r"evil.ecsv cannot be read"):
        read_spectrum(tmp_path / "evil.ecsv", targetid=None, medium="vacuum", default_medium="auto")
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["external link", "soft link", "raw storage", "virtual"])
def test_published_file_on_a_server_that_names_files_of_the_reader_is_refused(tmp_path, kind):
    secret, path = tmp_path / "secret.h5", tmp_path / "joint.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = np.arange(3.0)
    with h5py.File(path, "w") as file:
        if kind == "external link":
            file["x"] = h5py.ExternalLink(secret, "x")
        elif kind == "soft link":
            file["x"] = h5py.SoftLink("/other")
        elif kind == "raw storage":
            file.create_dataset("x", (3,), "f8", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
        else:
            layout = h5py.VirtualLayout((3,), "f8")
            layout[:] = h5py.VirtualSource(str(secret), "x", (3,))
            file.create_virtual_dataset("x", layout)
    with FileServer({"joint.h5": path}) as server:
        remote = RemoteHDF5(server.url("joint.h5"), "Name another.", Patience(tries=1))
        with pytest.raises(DataError, match=r"joint.h5`: `x` is a link, or its values lie in another file"):
            with remote.open():
                pass


@pytest.mark.parametrize("name", ["../secret/data.parquet", "ABSOLUTE"])
def test_card_of_a_data_set_cannot_name_other_files(tmp_path, name):
    secret, folder = tmp_path / "secret" / "data.parquet", tmp_path / "set"
    for path in (secret.parent, folder):
        path.mkdir()
    pq.write_table(pa.table({"targetid": [1]}), secret)
    named = str(secret) if name == "ABSOLUTE" else name
    card = f"---\nconfigs:\n- config_name: default\n  data_files: {named}\n---\n"
    (folder / "README.md").write_text(card)
    with pytest.raises(DataError, match=NOT_FOLLOWED):
        open_dataset(str(folder))


@pytest.mark.parametrize("listed", ["dataset_dict.json", "train/state.json"])
def test_saved_data_set_cannot_name_other_files(tmp_path, listed):
    folder = tmp_path / "set"
    DatasetDict({"train": Dataset.from_dict({"targetid": [1]})}).save_to_disk(folder)
    told = json.loads((folder / listed).read_text())
    if "splits" in told:
        told["splits"] = ["../other"]
    else:
        told["_data_files"] = [{"filename": "/secret/data-00000-of-00001.arrow"}]
    (folder / listed).write_text(json.dumps(told))
    with pytest.raises(DataError, match=f"{listed}`.*{NOT_FOLLOWED}"):
        open_dataset(str(folder))


@pytest.mark.parametrize("named", ["../secret", "/secret", "https://example.org/x"])
def test_collection_cannot_name_a_table_elsewhere(tmp_path, named):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "collection.properties").write_text(f"hats_primary_table_url = {named}\n")
    with pytest.raises(DataError, match=NOT_FOLLOWED):
        find_files(str(tmp_path / "set"), "mmu.images")
