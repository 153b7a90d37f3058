"""Real cutouts of distinct galaxies are told apart, and each is known again when moved or turned."""

from collections.abc import Callable

import h5py
import numpy as np
import pytest
import realdata
from test_lookalikes import crop, pairs_of, write_dataset

from galaxypair import io, lookalikes, quality
from galaxypair.ingest.catalogue import read_catalogue
from galaxypair.ingest.survey import write_survey
from galaxypair.mock.repeats import cut_again

CHANGES = {
    "nothing": crop,
    "one and two pixels": lambda image: crop(image, 1, -2),
    "half a pixel": lambda image: crop(cut_again(image, (0.5, -0.5))),
    "mirrored": lambda image: lookalikes.orient(crop(image)[None], 4)[0],
    "turned and moved": lambda image: lookalikes.orient(crop(image, 2, 1)[None], 3)[0],
}

pytestmark = realdata.needs_realdata


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 152, 152, 3) that hold data in their middle, and places (n, 2) [deg]."""
    folder = tmp_path_factory.mktemp("real")
    catalogue = read_catalogue(realdata.write_catalogue(realdata.REALDATA, folder))
    with h5py.File(folder / "joint.h5", "w") as file:
        verdicts = write_survey(catalogue, folder, file, pixel_scale_arcsec=None, spectrum_medium="auto")
    images = np.concatenate([block.images for block in io.iter_joint(folder / "joint.h5")])
    places = verdicts.loc[verdicts["kept"], ["ra", "dec"]].to_numpy(float)
    core = quality.central(images, 96)
    full = np.isfinite(core).all((1, 2, 3)) & ((core != 0).all(3).mean((1, 2)) > 0.95)
    return images[full], places[full]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_is_found_in_its_changed_copy_and_in_no_other_galaxy(cutouts, tmp_path, change: Callable):
    images, places = cutouts
    n = len(images)
    assert n == 30
    first, again = (np.stack([function(image) for image in images]) for function in (crop, change))
    # far beyond the config's limit distinct galaxies make no pair either
    found = pairs_of(write_dataset(tmp_path, first, again), tmp_path, max_chi2=5)
    assert found[2].max() < 1
    separation = np.abs(places[:, None] - places).max(2) * 3600
    same = {(i, j) for i, j in np.argwhere(separation < 1)}
    assert len(same) == n + 2  # one galaxy is there twice, in cutouts of two scales
    assert set(zip(found[0], found[1] - n, strict=True)) == same
