"""Images of one galaxy are found by their pixels, and distinct galaxies are not taken for one."""

import json
import math

import numpy as np
import pytest
from mock_factories import bank, drawn, needs_grids

from galaxypair import io, lookalike_search, lookalikes, tables
from galaxypair.mock import images as mock_images

CROP = 112


def crop(image: np.ndarray, dx: int = 0, dy: int = 0) -> np.ndarray:
    first = (tables.IMAGE_PX - CROP) // 2
    return image[first + dx : first + dx + CROP, first + dy : first + dy + CROP]


def blob(x: float, y: float, flux: float, seed: int, noise: float = 0.01) -> np.ndarray:
    i, j = np.mgrid[:CROP, :CROP]
    shape = flux * np.exp(-((i - x) ** 2 + (j - y) ** 2) / 18)
    sky = np.random.default_rng(seed).normal(0, noise, (CROP, CROP, 3))
    return (shape[..., None] * [0.5, 1, 1.5] + sky).astype("f4")


@pytest.mark.parametrize("which", range(8))
def test_orientations_are_eight_and_can_be_undone(which):
    image = np.arange(2 * 4 * 4 * 3).reshape(2, 4, 4, 3)
    turned = lookalikes.orient(image, which)
    assert np.array_equal(lookalikes.orient_back(turned, which), image)
    same = [np.array_equal(lookalikes.orient(image, other), turned) for other in range(8)]
    assert sum(same) == 1


def test_noise_is_measured_beside_a_galaxy():
    sky = np.stack([blob(56, 56, 1, seed, noise) for seed, noise in enumerate((0.01, 0.02))])
    assert lookalikes.pixel_noise(sky) == pytest.approx(np.repeat([[0.01], [0.02]], 3, axis=1), rel=0.1)


def test_halving_averages_and_cuts_the_odd_row():
    image = np.arange(5 * 5 * 3, dtype="f4").reshape(1, 5, 5, 3)
    assert lookalikes.halve(image).shape == (1, 2, 2, 3)
    assert lookalikes.halve(image)[0, 1, 0, 2] == image[0, 2:4, 0:2, 2].mean()


def test_images_of_nothing_but_noise_are_not_similar():
    sky = np.stack([blob(0, 0, 0, seed) for seed in range(60)])
    found = lookalikes.describe(sky, lookalikes.pixel_noise(sky))
    _, _, similarity = lookalikes.most_similar(found[:20], found, 3, rows=np.arange(20, 60))
    assert similarity.max() < lookalikes.MIN_SIMILARITY


def test_most_similar_is_the_same_however_the_references_are_cut(monkeypatch):
    rng = np.random.default_rng(1)
    found = rng.normal(size=(50, 4, 4, 3)).astype("f4")
    rows = np.arange(10, 50)
    whole = lookalikes.most_similar(found[:10], found, 4, rows=rows)
    monkeypatch.setattr(lookalikes, "_REFERENCE_ROWS", 7)
    parts = lookalikes.most_similar(found[:10], found, 4, rows=rows)
    assert np.array_equal(whole[0], parts[0]) and np.array_equal(whole[1], parts[1])
    brute = np.stack(
        [lookalikes.orient(found[:10], o).reshape(10, -1) @ found[rows].reshape(40, -1).T for o in range(8)]
    )
    assert np.allclose(whole[2][:, 0], brute.max((0, 2)))
    assert np.array_equal(whole[0][:, 0], rows[brute.max(0).argmax(1)])


def test_fewer_references_than_asked_for_have_no_similarity():
    found = np.ones((3, 1, 1, 3), "f4")
    _, _, similarity = lookalikes.most_similar(found[:1], found, 20, rows=np.array([1, 2]))
    assert (similarity[0, :16] > 0).all() and (similarity[0, 16:] == -1).all()


def test_one_exposure_twice_differs_by_nothing_and_two_by_their_noise():
    a, b = blob(56, 56, 1, 1), blob(56, 56, 1, 2)
    noise = lookalikes.pixel_noise(np.stack([a, b]))
    assert lookalikes.Comparison(a, a, noise[0], noise[0]).at((0, 0))[0] == 0
    value, blocks = lookalikes.Comparison(a, b, *noise).at((0, 0))
    assert blocks >= lookalikes.MIN_BLOCKS and 0.3 < value < 1.3
    brighter = lookalikes.Comparison(a, blob(56, 56, 1.5, 3), *noise)
    assert brighter.best((0, 0))[0] > 5


def test_shift_is_found():
    a, b = blob(56, 56, 1, 1), blob(59, 54, 1, 2)
    noise = lookalikes.pixel_noise(np.stack([a, b]))
    stretched = lookalikes.stretch(np.stack([a, b]), noise, noise.mean(0))
    _, shift = lookalikes.coarse_misfit(stretched[0], stretched[1:])
    assert np.abs(shift[0] - [3, -2]).max() <= 1
    comparison = lookalikes.Comparison(a, b, *noise)
    assert comparison.best(tuple(shift[0].tolist())) == comparison.at((3, -2))


def star(x: float, y: float, seed: int) -> np.ndarray:
    i, j = np.mgrid[:CROP, :CROP]
    shape = 10 * (1 + ((i - x) ** 2 + (j - y) ** 2) / 12) ** -3
    sky = np.random.default_rng(seed).normal(0, 0.01, (CROP, CROP, 3))
    return (shape[..., None] * [0.5, 1, 1.5] + sky).astype("f4")


@pytest.mark.parametrize(("x", "y"), [(0.5, 0), (-0.5, 0.5), (1.5, -2.5)])
def test_half_a_pixel_is_found_where_a_bright_core_gives_whole_ones_away(x, y):
    a, b = star(56, 56, 1), star(56 + x, 56 + y, 2)
    noise = lookalikes.pixel_noise(np.stack([a, b]))
    comparison = lookalikes.Comparison(a, b, *noise)
    whole = min(comparison.at((math.floor(x) + i, math.floor(y) + j))[0] for i in (0, 1) for j in (0, 1))
    value, _ = comparison.best((math.floor(x), math.floor(y)))
    assert value == comparison.at((x, y))[0] < 1.5
    assert whole > 1.8


def test_noise_of_a_mean_of_neighbours_is_allowed_for():
    sky = [np.random.default_rng(seed).normal(3, 0.5, (CROP, CROP, 3)).astype("f4") for seed in (1, 2)]
    comparison = lookalikes.Comparison(*sky, *np.full((2, 3), 0.5, "f4"))
    whole, half, quarter = (comparison.at(shift)[0] for shift in ((0, 0), (0.5, 0), (0.5, 0.5)))
    assert [half, quarter] == pytest.approx([whole, whole], rel=0.06)


def test_blank_images_are_no_pair():
    blank = np.zeros((CROP, CROP, 3), "f4")
    noise = lookalikes.pixel_noise(blank[None])
    assert lookalikes.Comparison(blank, blank, noise[0], noise[0]).at((0, 0)) == (np.inf, 0)


def write_dataset(folder, first: np.ndarray, again: np.ndarray) -> dict:
    """Train: the galaxies of `first`; test: those of `again`, in shards of 50."""
    image = np.concatenate([first, again])
    shards = []
    for number, start in enumerate(range(0, len(image), 50)):
        part = image[start : start + 50]
        n, name = len(part), tables.SHARD_NAME.format(number)
        columns = {
            "image": part,
            "spectrum": np.zeros((n, 1), "f4"),
            "z": np.zeros(n, "f4"),
            "targetid": start + np.arange(n),
            "split": np.where(start + np.arange(n) < len(first), 0, 2).astype("u1"),
            "has_image": np.ones(n, bool),
            "has_spectrum": np.zeros(n, bool),
        }
        io.write_arrays(folder / name, columns)
        shards.append({"name": name, "rows": n})
    counts = {"train": len(first), "val": 0, "test": len(again)}
    (folder / "manifest.json").write_text(json.dumps({"crop_px": CROP, "shards": shards, "splits": counts}))
    return io.read_manifest(folder / "manifest.json")


def pairs_of(manifest: dict, folder, max_chi2: float = 1.8) -> tuple[np.ndarray, ...]:
    described = lookalike_search.describe_dataset(manifest, map, folder / "d.npy")
    return lookalike_search.similar_images(
        manifest, described, folder / "d.npy", map, neighbours=8, max_chi2=max_chi2
    )


@pytest.mark.parametrize(("flux", "found"), [(0.06, 0), (1.0, 1)])
def test_faint_galaxies_are_too_much_alike_to_be_told_apart_and_make_no_pair(tmp_path, flux, found):
    first, again = (np.stack([blob(56, 56, flux, seed)]) for seed in (1, 2))
    a, _, _ = pairs_of(write_dataset(tmp_path, first, again), tmp_path)
    assert len(a) == found


@needs_grids
def test_mock_galaxies_observed_again_are_found_and_distinct_ones_are_not_taken_for_one(
    tmp_path, monkeypatch
):
    """New noise, moved by up to 3 px, turned: four of five are found; of 40,000 distinct pairs not one."""
    n, n_again, rng = 400, 100, np.random.default_rng(1)
    galaxies = np.concatenate([drawn("main")[: n - 60], drawn("bright")[:60]])[rng.permutation(n)]
    add_noise = mock_images.add_noise
    monkeypatch.setattr(mock_images, "add_noise", lambda image, rng: image)
    first, again = np.empty((n, CROP, CROP, 3), "f4"), np.empty((n_again, CROP, CROP, 3), "f4")
    for i, galaxy in enumerate(galaxies):
        scene, _ = mock_images.render(galaxy, bank(), rng)
        first[i] = crop(add_noise(scene.copy(), rng))
        if i < n_again:
            moved = crop(add_noise(scene.copy(), rng), *rng.integers(-3, 4, 2))
            again[i] = lookalikes.orient(moved[None], rng.integers(8))[0]
    a, b, chi2 = pairs_of(write_dataset(tmp_path, first, again), tmp_path)
    assert (b - n == a).all()
    assert 0.75 * n_again < len(a) <= n_again
    assert 0.5 < np.median(chi2) < 1.6
