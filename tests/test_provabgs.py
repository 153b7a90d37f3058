"""The published PROVABGS column set: placeholders, masks, posteriors, and what others derive from it."""

import sys
import types

import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.table import MaskedColumn, Table

from galaxypair import derived, io, tables
from galaxypair.crossmatch import crossmatch
from galaxypair.errors import ConfigError, DataError

IDS = 39627000000000000 + np.arange(8)


def published_columns(order: str = "=") -> dict[str, np.ndarray]:
    """The published columns of eight galaxies; rows 5, 6, 7 have a failed fit, no g and no r magnitude."""
    rng = np.random.default_rng(1)
    n = len(IDS)
    numbers = (
        "ZERR",
        "FIBMAG_R",
        "SCHLEGEL_COLOR",
        "PROVABGS_Z_MAX",
        "PROVABGS_W_ZFAIL",
        "PROVABGS_W_FIBASSIGN",
    )
    columns = {
        "TARGETID": IDS,
        "RA": np.linspace(150, 160, n),
        "DEC": np.linspace(-5, 5, n),
        "Z_HP": np.full(n, 0.1),
        **{f"MAG_{b}": rng.uniform(16, 20, n) for b in ("G", "R", "Z", "W1")},
        **{name: rng.uniform(0, 1, n) for name in numbers},
        "TSNR2_BGS": rng.random(n, np.float32),
        "HPIX_64": np.arange(n),
        "PROVABGS_MCMC": rng.normal(size=(n, 100, 13)),
        "PROVABGS_THETA_BF": rng.uniform(0.1, 0.9, (n, 13)),
        "PROVABGS_LOGMSTAR": rng.normal(10, 1, (n, 100)),
        "PROVABGS_LOGMSTAR_BF": rng.uniform(9, 11, n),
        "IS_BGS_BRIGHT": np.ones(n, bool),
        "IS_BGS_FAINT": np.zeros(n, bool),
    }
    columns["PROVABGS_LOGMSTAR_BF"][5] = columns["MAG_G"][6] = columns["MAG_R"][7] = -999
    columns["MAG_W1"][2] = -999
    return {name: values.astype(values.dtype.newbyteorder(order)) for name, values in columns.items()}


def make_ledger(ids) -> pd.DataFrame:
    return pd.DataFrame({"targetid": ids, "split": "test", "z": np.float32(0.1), "kept": True})


@pytest.mark.parametrize("order", ["<", ">"])
def test_published_columns_are_matched_and_every_loss_has_its_reason(tmp_path, order):
    io.write_provabgs(tmp_path / "p.hdf5", published_columns(order))
    catalogue = io.read_provabgs(tmp_path / "p.hdf5", block_rows=3)
    properties, losses = crossmatch(make_ledger([*IDS, 1]), catalogue)
    lost = losses.query("split == 'all' and n_lost > 0").set_index("step")["n_lost"]
    assert lost.to_dict() == {
        "not_in_catalogue": 1,
        "log_mstar_not_positive": 1,
        "mag_g_not_positive": 1,
        "mag_r_not_positive": 1,
    }
    assert properties["matched"].tolist() == [True] * 5 + [False] * 4
    assert {"zerr", "fibmag_r", "tsnr2_bgs", "is_bgs_bright", "provabgs_z_max"} <= set(properties)
    assert not {"provabgs_mcmc", "provabgs_theta_bf", "provabgs_logmstar"} & set(properties)


def test_placeholders_of_matched_galaxies_are_unknown(tmp_path):
    io.write_provabgs(tmp_path / "p.hdf5", published_columns())
    catalogue = io.read_provabgs(tmp_path / "p.hdf5")
    assert catalogue["mag_w1"].isna().tolist() == [i == 2 for i in range(8)]
    assert not (catalogue == -999).any(axis=None)


@pytest.mark.filterwarnings("ignore:table path was not set")
def test_masked_values_are_unknown_and_masks_no_property(tmp_path):
    table = Table(published_columns())
    table["MAG_Z"] = MaskedColumn(table["MAG_Z"], mask=np.arange(8) == 3)
    table["HPIX_64"] = MaskedColumn(table["HPIX_64"], mask=np.arange(8) == 4)
    table["TARGETID"] = MaskedColumn(table["TARGETID"], mask=np.arange(8) == 0)
    table.write(tmp_path / "p.hdf5", path=tables.PROVABGS_GROUP, serialize_meta=True)
    catalogue = io.read_provabgs(tmp_path / "p.hdf5")
    assert catalogue["targetid"].tolist() == IDS.tolist()
    assert np.flatnonzero(catalogue["mag_z"].isna()).tolist() == [3]
    assert np.flatnonzero(catalogue["hpix_64"].isna()).tolist() == [4]
    assert not [name for name in catalogue if "mask" in name]
    _, losses = crossmatch(make_ledger(IDS), catalogue)
    assert losses.query("split == 'all'").set_index("step").loc["mag_z_not_positive", "n_lost"] == 1


def test_column_called_like_one_of_the_ledger_is_renamed(tmp_path):
    columns = {"TARGETID": IDS, "Z": np.full(8, 0.7), "split": np.full(8, 3), "Matched": np.zeros(8)}
    io.write_provabgs(tmp_path / "p.hdf5", columns)
    catalogue = io.read_provabgs(tmp_path / "p.hdf5")
    assert list(catalogue) == ["targetid", "z_catalogue", "split_catalogue", "matched_catalogue"]
    properties, _ = crossmatch(make_ledger(IDS), catalogue)
    assert properties.loc[0, "z"] == pytest.approx(0.1)
    assert properties.loc[0, ["split", "z_catalogue", "split_catalogue"]].tolist() == ["test", 0.7, 3]


def test_column_that_a_renamed_one_would_meet_is_refused(tmp_path):
    columns = {"TARGETID": IDS, "Z": np.ones(8), "Z_CATALOGUE": np.ones(8)}
    io.write_provabgs(tmp_path / "p.hdf5", columns)
    with pytest.raises(DataError, match="columns Z, Z_CATALOGUE are one"):
        io.read_provabgs(tmp_path / "p.hdf5")


# --- posteriors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [[6, 0, 3], [], [7], range(8)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_posteriors_of_the_rows_asked_for_are_copied(tmp_path, rows, order):
    columns = published_columns(order)
    io.write_provabgs(tmp_path / "p.hdf5", columns)
    io.write_posteriors(tmp_path / "posteriors.h5", tmp_path / "p.hdf5", np.array(rows, int))
    found = io.read_arrays(tmp_path / "posteriors.h5")
    for theirs, ours in {"TARGETID": "targetid", **tables.PROVABGS_POSTERIORS}.items():
        np.testing.assert_array_equal(found[ours], columns[theirs][sorted(rows)])
        assert found[ours].dtype.isnative


@pytest.mark.parametrize("block_rows", [1, 3, 100])
def test_rows_are_found_in_any_order_and_block(tmp_path, block_rows):
    columns = published_columns()
    io.write_provabgs(tmp_path / "p.hdf5", columns)
    rows = np.array([6, 0, 3, 7])
    values = np.empty((4, 13))
    stream = io.iter_provabgs_rows(tmp_path / "p.hdf5", ["PROVABGS_THETA_BF"], rows, block_rows)
    for position, block in stream:
        values[position] = block["PROVABGS_THETA_BF"]
    np.testing.assert_array_equal(values, columns["PROVABGS_THETA_BF"][rows])
    theta = io.read_provabgs_rows(tmp_path / "p.hdf5", "PROVABGS_THETA_BF", rows)
    np.testing.assert_array_equal(theta, values)


def test_catalogue_without_posteriors_is_named_and_nothing_written(tmp_path):
    columns = published_columns()
    del columns["PROVABGS_MCMC"]
    io.write_provabgs(tmp_path / "p.hdf5", columns)
    with pytest.raises(DataError, match=r"no column PROVABGS_MCMC .*holds no posteriors"):
        io.write_posteriors(tmp_path / "posteriors.h5", tmp_path / "p.hdf5", np.arange(2))
    assert not (tmp_path / "posteriors.h5").exists()


# --- the table of the Multimodal Universe -------------------------------------------------------------

MMU = {"Z_MW": [0.01, 0.02, 0.03], "TAGE_MW": [5.0, 6.0, 7.0], "AVG_SFR": [1.0, 2.0, 3.0]}


def write_mmu(folder, kind: str):
    """The layouts of the hub (parquet, one row per galaxy, samples beside) and of the HEALPix folders."""
    if kind == "parquet":
        path = folder / "mmu.parquet"
        frame = pd.DataFrame({"object_id": IDS[:3].astype(str), **MMU}).astype(dict.fromkeys(MMU, "f4"))
        frame["PROVABGS_MCMC"] = [np.zeros(13)] * 3
        frame.to_parquet(path)
        return path
    ids = {"h5": IDS[:3], "hdf5": IDS[:3].astype("S"), "text.hdf5": IDS[:3].astype(str).astype(object)}[kind]
    for cell, rows in {"healpix=1": [0, 1], "healpix=2": [2]}.items():
        path = folder / "mmu" / cell / f"001-of-001.{kind}"
        path.parent.mkdir(parents=True)
        with h5py.File(path, "w") as file:
            file["object_id"] = ids[rows]
            for name, values in MMU.items():
                file[name] = np.array(values)[rows].reshape((-1, 1) if kind == "h5" else -1)
    return folder / "mmu"


@pytest.mark.parametrize("kind", ["parquet", "h5", "hdf5", "text.hdf5"])
def test_table_of_the_multimodal_universe_is_read_in_each_layout(tmp_path, kind):
    frame = io.read_mmu_provabgs(write_mmu(tmp_path, kind))
    assert frame["targetid"].tolist() == IDS[:3].tolist()
    np.testing.assert_allclose(
        frame[["z_mw", "tage_mw", "avg_sfr"]], np.transpose(list(MMU.values())), rtol=1e-6
    )


def test_first_of_repeated_galaxies_counts(tmp_path):
    pd.DataFrame({"object_id": ["5", "5"], "Z_MW": [1.0, 2], "TAGE_MW": 1.0, "AVG_SFR": 1.0}).to_parquet(
        tmp_path / "mmu.parquet"
    )
    assert io.read_mmu_provabgs(tmp_path / "mmu.parquet")["z_mw"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"object_id": ["5"], "Z_MW": [1.0]}, "no column `TAGE_MW`"),
        ({"object_id": ["a"], **{name: [1.0] for name in MMU}}, "holds no TARGETIDs"),
    ],
)
def test_other_tables_are_named(tmp_path, frame, message):
    pd.DataFrame(frame).to_parquet(tmp_path / "mmu.parquet")
    with pytest.raises(DataError, match=message):
        io.read_mmu_provabgs(tmp_path / "mmu.parquet")


@pytest.mark.parametrize("name", ["", "mmu.csv"])
def test_path_without_a_table_is_named(tmp_path, name):
    with pytest.raises(DataError, match=r"no file with a name in .parquet, .h5, .hdf5"):
        io.read_mmu_provabgs(tmp_path / name)


def test_derived_properties_go_to_matched_galaxies_only(caplog):
    caplog.set_level("INFO")
    properties = pd.DataFrame({"targetid": [1, 2, 3, 4], "matched": [True, False, True, True], "z_mw": 9.0})
    extra = pd.DataFrame({"targetid": [3, 2, 1], "z_mw": [0.3, 0.2, 0.1], "tage_mw": [3, 2, 1]})
    result = derived.attach(properties, extra)
    assert result["targetid"].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(result["z_mw"], [0.1, np.nan, 0.3, np.nan])
    np.testing.assert_array_equal(result["tage_mw"], [1, np.nan, 3, np.nan])
    assert "2 of 3 matched galaxies have derived properties" in caplog.text
    assert (properties["z_mw"] == 9).all()


# --- the package provabgs -----------------------------------------------------------------------------


class StandIn:
    """As provabgs.models.NMF: one galaxy, 12 parameters, a plain float redshift, arrays of one value back."""

    def __init__(self, burst: bool, emulator: bool) -> None:
        assert burst and emulator

    def _check(self, theta, zred) -> None:
        assert np.shape(theta) == (12,)
        assert isinstance(zred, float)
        assert 0 < zred < 0.6

    def Z_MW(self, theta, *, zred):
        self._check(theta, zred)
        return np.array([theta[7]])

    def tage_MW(self, theta, *, zred):
        self._check(theta, zred)
        return np.array([10 * (1 - zred)])

    def avgSFR(self, theta, *, zred, dt=1):
        self._check(theta, zred)
        return np.array([10 ** theta[0] * theta[1] / dt / 1e9])


@pytest.fixture
def provabgs_installed(monkeypatch):
    models = types.ModuleType("provabgs.models")
    models.NMF = StandIn
    monkeypatch.setitem(sys.modules, "provabgs", types.ModuleType("provabgs"))
    monkeypatch.setitem(sys.modules, "provabgs.models", models)


@pytest.mark.usefixtures("provabgs_installed")
def test_best_fits_are_turned_into_properties_within_the_emulators_range(caplog):
    theta = np.tile(np.linspace(0.1, 1.3, 13), (6, 1))
    theta[:, 0] = 10
    theta[4, 3], theta[5, 0] = np.nan, -999
    z = np.array([0.1, 0.0, 0.6, 0.59, 0.1, 0.1])
    found = derived.sps_properties(theta, z, derived.load_sps())
    assert list(found) == ["z_mw", "tage_mw", "avg_sfr"]
    assert found.notna().all(axis=1).tolist() == [True, False, False, True, False, False]
    np.testing.assert_allclose(found.loc[0], [theta[0, 7], 9, 10 * theta[0, 1]])
    assert "4 best fits lie outside 0 < z < 0.6 or are incomplete" in caplog.text


def test_absent_package_says_what_else_to_do():
    with pytest.raises(ConfigError, match=r"crossmatch.sps.*cannot be imported.*crossmatch.mmu_provabgs"):
        derived.load_sps()
