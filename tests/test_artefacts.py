"""Artefacts: every kind of fault is found in made galaxies, and sound galaxies are left in peace."""

import h5py
import numpy as np
import pytest
import realdata

from galaxypair import artefacts, io, tables
from galaxypair.ingest.catalogue import read_catalogue
from galaxypair.ingest.survey import write_survey
from galaxypair.mock import junk
from galaxypair.quality import central

SKY = np.array([0.004, 0.006, 0.025])  # noise of a pixel in g, r, z [nanomaggies]
COLOURS = np.array([0.5, 1.0, 1.5])
N = 24


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def blob(size: int, x: float, y: float, radius: float) -> np.ndarray:
    grid = np.arange(size)
    return np.exp(-np.hypot(grid[:, None] - x, grid - y) / radius)[..., None] * COLOURS


def make_galaxies(n: int = N, size: int = tables.IMAGE_PX) -> dict[str, np.ndarray]:
    """Galaxies from faint to bright and large, each with two neighbours, and spectra as bright."""
    random = rng()
    peaks, radii = np.geomspace(0.05, 5, n), np.geomspace(2, 15, n)
    images = random.normal(0, 1, (n, size, size, 3)) * SKY
    for i in range(n):
        images[i] += peaks[i] * blob(size, size // 2, size // 2, radii[i])
        for x, y in random.uniform(0, size, (2, 2)):
            images[i] += 0.5 * blob(size, x, y, 2)
    place = np.arange(size) - size // 2
    fibre = np.hypot(place[:, None], place) * tables.PIXEL_SCALE_ARCSEC < artefacts.FIBRE_ARCSEC
    level = 10**artefacts.FIBRE_LOSS_DEX * artefacts.R_FLUX_PER_NANOMAGGIE * images[:, fibre, 1].sum(1)
    spectra = random.normal(level[:, None], 0.3, (n, tables.N_WAVELENGTH))
    there = np.ones(n, bool)
    return {
        "targetid": np.arange(n),
        "image": central(images.astype("f4"), 112),
        "spectrum": spectra.astype("f4"),
        "has_image": there,
        "has_spectrum": there.copy(),
    }


def reasons(galaxies: dict[str, np.ndarray]) -> list[str]:
    return list(artefacts.judge(artefacts.measure(galaxies))["reason"])


def test_sound_galaxies_are_not_suspected_however_large():
    measures = artefacts.measure(make_galaxies())
    verdict = artefacts.judge(measures)
    assert not verdict["suspected_artefact"].any(), verdict["reason"].unique()
    assert set(verdict["reason"]) == {""}
    assert (verdict["artefact_score"] < 1).all()
    assert list(measures) == ["targetid", *artefacts.CHECKS]


def test_cutout_that_is_smaller_than_the_shards_is_no_gap():
    galaxies = make_galaxies()
    framed = np.zeros_like(galaxies["image"])
    framed[:, 8:-6, 7:-7] = galaxies["image"][:, 8:-6, 7:-7]
    assert set(reasons({**galaxies, "image": framed})) == {""}


def test_spectrum_that_ends_before_the_grid_is_no_gap():
    galaxies = make_galaxies()
    galaxies["spectrum"][:, :250] = 0
    galaxies["spectrum"][:, -900:] = 0
    assert set(reasons(galaxies)) == {""}


@pytest.mark.parametrize("kind", [junk.MISSING_BAND, junk.SATURATED_STAR])
def test_every_spoiled_image_of_the_mock_survey_is_suspected(kind):
    """If spoiled pixels are in the part that shards keep; the brightest galaxies outshine distant stars."""
    galaxies, random = make_galaxies(), rng(3)
    whole = np.zeros((N, tables.IMAGE_PX, tables.IMAGE_PX, 3), "f4")
    whole[:, 20:132, 20:132] = galaxies["image"]
    for image in whole:
        junk.spoil_image(image, kind, random)
    spoiled = central(whole, 112)
    touched = (spoiled != galaxies["image"]).any((1, 2, 3))
    assert touched.sum() > 0.8 * N
    found = np.array(reasons({**galaxies, "image": spoiled})) != ""
    assert found[touched][: 3 * N // 4].all()
    assert found[touched].mean() > 0.9
    assert not found[~touched].any()


def spoil_stripe(galaxies):
    diagonal = np.arange(112)
    galaxies["image"][:, diagonal, (diagonal // 2 + 5), 0] += 0.5


def spoil_wide_stripe(galaxies):
    galaxies["image"][:, :, 30:33, 2] += 2


def spoil_gap(galaxies):
    galaxies["image"][:, 20:26, 50:60, 1] = 0


def spoil_spectrum_gap(galaxies):
    galaxies["spectrum"][:, 3000:3600] = 0


def spoil_negative(galaxies):
    galaxies["spectrum"][:, 6000:6400] -= 3 * galaxies["spectrum"].max(1, keepdims=True)


def spoil_missed(galaxies):
    galaxies["spectrum"] *= 0.03


def spoil_dead(galaxies):
    galaxies["spectrum"][:] = 0


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_wide_stripe, "image: straight bright line"),
        (spoil_gap, "image: part of a band has no data"),
        (spoil_spectrum_gap, "spectrum: gaps between wavelengths with data"),
        (spoil_negative, "spectrum: flux far below zero"),
        (spoil_missed, "pair: spectrum and image differ in brightness"),
        (spoil_dead, "spectrum: gaps between wavelengths with data"),
    ],
)
def test_fault_is_named(spoil, told):
    galaxies = make_galaxies()
    spoil(galaxies)
    assert all(told in reason for reason in reasons(galaxies))


def test_satellite_in_one_band_is_found_where_the_galaxy_does_not_outshine_it():
    galaxies = make_galaxies()
    spoil_stripe(galaxies)
    found = ["image: light in one band alone" in reason for reason in reasons(galaxies)]
    assert all(found[: N // 2])


def test_absent_modality_is_not_judged():
    galaxies = make_galaxies()
    galaxies["image"][0], galaxies["has_image"][0] = 0, False
    galaxies["spectrum"][1], galaxies["has_spectrum"][1] = 0, False
    galaxies["has_image"][2] = galaxies["has_spectrum"][2] = False
    measures = artefacts.measure(galaxies)
    assert measures.loc[0, [c for c in artefacts.CHECKS if c.startswith("image")]].isna().all()
    assert measures.loc[1, ["spectrum_gap", "spectrum_negative", "pair_flux"]].isna().all()
    verdict = artefacts.judge(measures)
    assert not verdict["suspected_artefact"].any()
    assert np.flatnonzero(verdict["artefact_score"].isna()).tolist() == [2]


def test_half_precision_gives_the_same_verdicts():
    galaxies = make_galaxies()
    spoil_gap({name: values[: N // 2] for name, values in galaxies.items()})
    half = galaxies | {name: galaxies[name].astype("f2") for name in tables.MODALITIES}
    assert reasons(half) == reasons(galaxies)
    assert reasons(half)[: N // 2] != reasons(half)[N // 2 :]


def test_worst_check_comes_first_and_makes_the_score():
    galaxies = make_galaxies()
    spoil_missed(galaxies)
    spoil_gap(galaxies)
    measures = artefacts.measure(galaxies)
    verdict = artefacts.judge(measures)
    ratio = {name: measures[name] / limit for name, (limit, _) in artefacts.CHECKS.items()}
    np.testing.assert_allclose(verdict["artefact_score"], np.max([*ratio.values()], axis=0))
    text = [f"{name.partition('_')[0]}: {artefacts.CHECKS[name][1]}" for name in ("pair_flux", "image_gap")]
    for i, reason in enumerate(verdict["reason"]):
        ordered = text if ratio["pair_flux"][i] > ratio["image_gap"][i] else text[::-1]
        assert reason == "; ".join(ordered)


def test_batches_may_share_memory(caplog):
    galaxies = make_galaxies()

    def batches():
        buffer = {name: values[:6].copy() for name, values in galaxies.items()}
        for start in range(0, N, 6):
            for name, values in galaxies.items():
                buffer[name][:] = values[start : start + 6]
            yield buffer

    caplog.set_level("INFO")
    found = artefacts.measure_all(batches())
    expected = artefacts.measure(galaxies)
    np.testing.assert_array_equal(found["targetid"], expected["targetid"])
    np.testing.assert_allclose(found[[*artefacts.CHECKS]], expected[[*artefacts.CHECKS]], atol=1e-5)
    assert f"{N} galaxies checked; suspected: none" in caplog.text
    assert artefacts.measure_all(iter(())).empty


@realdata.needs_realdata
def test_real_galaxies_are_not_suspected_and_damaged_ones_are(tmp_path):
    catalogue = read_catalogue(realdata.write_catalogue(realdata.REALDATA, tmp_path))
    with h5py.File(tmp_path / "joint.h5", "w") as file:
        verdicts = write_survey(catalogue, tmp_path, file, pixel_scale_arcsec=None, spectrum_medium="auto")
    names = verdicts.loc[verdicts["kept"], "id"].astype(str).to_numpy()
    parts = []
    for block in io.iter_joint(tmp_path / "joint.h5"):
        spectra = block.spectra.reshape(len(block.images), -1)
        there = [np.isfinite(values).any(1) for values in (block.images.reshape(len(spectra), -1), spectra)]
        batch = {"image": np.nan_to_num(central(block.images, 112)), "spectrum": np.nan_to_num(spectra)}
        batch |= {"has_image": there[0], "has_spectrum": there[1], "targetid": block.targetid}
        parts.append(artefacts.judge(artefacts.measure(batch)))
    suspected = np.concatenate([part["suspected_artefact"] for part in parts])
    assert len(suspected) == len(names) == 45
    # a cutout with half its pixels lost, and a spectrum with a gap of 900 bins
    assert sorted(names[suspected]) == ["spec-0266-51630-0174", "willettk_example_bad_pix"]
