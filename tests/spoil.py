"""Ways to spoil a folder of good files; each takes the folder."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from astropy.io import fits
from astropy.table import Table
from factories import make_joint
from own_files import make_header, make_planes, write_cube, write_desi

from galaxypair import io, tables


def joint(name: str, change: Callable[[np.ndarray], np.ndarray], **options: object) -> Callable:
    """Replace a dataset of group 1 by a changed one."""

    def spoil(folder: Path) -> None:
        with h5py.File(folder / "joint.h5", "a") as file:
            values = file[f"1/{name}"][:]
            del file[f"1/{name}"]
            file["1"].create_dataset(name, data=change(values), **options)

    return spoil


def cell(name: str, value: object) -> Callable:
    def change(values: np.ndarray) -> np.ndarray:
        values[1] = value
        return values

    return joint(name, change)


def link(name: str, make: Callable[[Path], object]) -> Callable:
    """Replace something in the joint file by a link; a file beside it holds the same galaxies."""

    def spoil(folder: Path) -> None:
        make_joint(folder / "other.h5", n_per_group=3, groups=2)
        with h5py.File(folder / "joint.h5", "a") as file:
            del file[name]
            file[name] = make(folder)

    return spoil


def raw_storage(folder: Path) -> None:
    (folder / "secret.bin").write_bytes(b"\0" * 12)
    with h5py.File(folder / "joint.h5", "a") as file:
        del file["1/redshifts"]
        file["1"].create_dataset(
            "redshifts", (3,), "f4", external=[(str(folder / "secret.bin"), 0, h5py.h5f.UNLIMITED)]
        )


def virtual(folder: Path) -> None:
    make_joint(folder / "other.h5", n_per_group=3, groups=2)
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "1/redshifts", (3,))
    with h5py.File(folder / "joint.h5", "a") as file:
        del file["1/redshifts"]
        file["1"].create_virtual_dataset("redshifts", layout)


def unknown_filter(folder: Path) -> None:
    with h5py.File(folder / "joint.h5", "a") as file:
        values = file["1/redshifts"][:]
        del file["1/redshifts"]
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((3,))
        plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)  # zstd, which h5py does not bring
        space = h5py.h5s.create_simple((3,))
        data = h5py.h5d.create(file["1"].id, b"redshifts", h5py.h5t.IEEE_F32LE, space, plist)
        data.write_direct_chunk((0,), values.tobytes(), filter_mask=0)


def user_block(folder: Path) -> None:
    with h5py.File(folder / "joint.h5") as old, h5py.File(folder / "new.h5", "w", userblock_size=512) as new:
        for group in old:
            old.copy(group, new)
    os.replace(folder / "new.h5", folder / "joint.h5")


def ten_groups(folder: Path) -> None:
    """Six galaxies in groups of 1, 0, 2, 0, ..."""
    sizes = [1, 0, 2, 0, 0, 1, 0, 0, 0, 2]
    with h5py.File(folder / "joint.h5") as old, h5py.File(folder / "new.h5", "w") as new:
        rows = {n: np.concatenate([old[f"{g}/{n}"][:] for g in "01"]) for n in tables.JOINT_DATASETS}
        for group, (end, size) in enumerate(zip(np.cumsum(sizes), sizes, strict=True)):
            node = io.create_joint_group(new, str(group), size)
            for name, values in rows.items():
                node[name][:] = values[end - size : end]
    os.replace(folder / "new.h5", folder / "joint.h5")


def provabgs(change: Callable[[np.ndarray], object]) -> Callable:
    """Replace the table of PROVABGS."""

    def spoil(folder: Path) -> None:
        with h5py.File(folder / "provabgs.hdf5", "a") as file:
            table = file[tables.PROVABGS_GROUP][:]
            del file[tables.PROVABGS_GROUP]
            file[tables.PROVABGS_GROUP] = change(table)

    return spoil


def retyped(**kinds: str | tuple) -> Callable:
    """Give columns of PROVABGS another type; their values are 0."""

    def change(table: np.ndarray) -> np.ndarray:
        fields = {name: kinds.get(name, table.dtype[name]) for name in table.dtype.names}
        new = np.zeros(len(table), list(fields.items()))
        for name in fields.keys() - kinds.keys():
            new[name] = table[name]
        return new

    return provabgs(change)


def everywhere(name: str, value: float) -> Callable:
    def change(table: np.ndarray) -> np.ndarray:
        table[name] = value
        return table

    return provabgs(change)


def ledger(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable:
    def spoil(folder: Path) -> None:
        path = folder / "dataset/ledger.parquet"
        io.write_table(change(io.read_table(path)), path)

    return spoil


def text(change: Callable[[bytes], bytes], name: str = "catalogue.csv") -> Callable:
    """Change the bytes of a file."""

    def spoil(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return spoil


def catalogue(**changes: object) -> Callable:
    """Change the second row of the catalogue."""

    def spoil(folder: Path) -> None:
        frame = pd.read_csv(folder / "catalogue.csv", dtype=str, keep_default_na=False)
        for name, value in changes.items():
            frame.loc[1, name] = str(value)
        frame.to_csv(folder / "catalogue.csv", index=False)

    return spoil


def image(write: Callable[[Path], object], *, alone: bool = True) -> Callable:
    """Write the second galaxy's image anew; `alone`: it has no spectrum to be kept by."""

    def spoil(folder: Path) -> None:
        write(folder / "bad.fits")
        if alone:
            catalogue(spectrum="")(folder)

    return spoil


def spectrum(write: Callable[[Path], object], name: str = "bad_spectrum.fits") -> Callable:
    def spoil(folder: Path) -> None:
        write(folder / name)
        catalogue(image="", spectrum=name)(folder)

    return spoil


def hdu(data: np.ndarray | None, **cards: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        header = make_header(200, 0.262)
        header.update({k.upper(): v for k, v in cards.items()})
        fits.PrimaryHDU(data, header).writeto(path, overwrite=True)

    return write


def table_hdu(path: Path) -> None:
    hdus = [fits.PrimaryHDU(), fits.TableHDU.from_columns([fits.Column("flux", "E15.7", array=np.ones(9))])]
    fits.HDUList(hdus).writeto(path, overwrite=True)


def scaled(path: Path) -> None:
    plane = fits.PrimaryHDU((make_planes() * 1e6).astype("i4"), make_header(200, 0.262))
    plane.header["BSCALE"], plane.header["BZERO"] = 1e-6, 0.0
    plane.writeto(path, overwrite=True)


def lying_header(path: Path) -> None:
    """A header that promises 30 GB."""
    write_cube(path, make_planes())
    content = path.read_bytes()
    for axis in (b"NAXIS1  =                  200", b"NAXIS2  =                  200"):
        assert axis in content
        content = content.replace(axis, axis.replace(b"  200", b"50000"))
    path.write_bytes(content)


def galactic(path: Path) -> None:
    header = make_header(200, 0.262)
    header["CTYPE1"], header["CTYPE2"] = "GLON-TAN", "GLAT-TAN"
    fits.PrimaryHDU(make_planes().astype("f4"), header).writeto(path, overwrite=True)


def columns(**values: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        Table(values).write(path, overwrite=True, format="ascii.csv" if path.suffix == ".csv" else "fits")

    return write


def provabgs_elsewhere(folder: Path) -> None:
    os.replace(folder / "provabgs.hdf5", folder / "other.hdf5")
    with h5py.File(folder / "provabgs.hdf5", "w") as file:
        file[tables.PROVABGS_GROUP] = h5py.ExternalLink(folder / "other.hdf5", tables.PROVABGS_GROUP)


def link_outside(folder: Path) -> None:
    (folder / "link.fits").symlink_to("/etc/hostname")
    catalogue(image="link.fits", spectrum="")(folder)


def folder_as_image(folder: Path) -> None:
    (folder / "sub.fits").mkdir()
    catalogue(image="sub.fits", spectrum="")(folder)


def folder_as_catalogue(folder: Path) -> None:
    (folder / "catalogue.csv").unlink()
    (folder / "catalogue.csv").mkdir()


def two_targets(path: Path) -> None:
    os.replace(write_desi(path.with_name("coadd-1.fits"), np.ones(7781), (11, 12)), path)


def rotated(path: Path) -> None:
    header = make_header(200, 0.262, rotation_deg=30)
    fits.PrimaryHDU(make_planes().astype("f4"), header).writeto(path, overwrite=True)


def gzipped(path: Path) -> None:
    content = path.read_bytes()
    path.with_name("bad.fits.gz").write_bytes(gzip.compress(content))
    path.unlink()
    catalogue(image="bad.fits.gz")(path.parent)
