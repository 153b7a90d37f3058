import dataclasses
import queue
import tempfile
import threading
import time
import weakref

import numpy as np
import pytest
from mock_factories import bank, drawn, library, library_file, needs_grids

from galaxypair import tables
from galaxypair.mock import images, spectra, stream
from galaxypair.mock.galaxies import GALAXY_DTYPE
from galaxypair.parallel import ordered_map
from galaxypair.streaming import RoundDataset, RoundSampler

pytestmark = needs_grids


def make_stream(**changes) -> stream.Stream:
    usual = {"library": library_file(), "crop_px": 48, "seed": 2, "galaxies": 192, "round_galaxies": 64}
    usual |= {"passes": 2, "bright_fraction": 0.3, "other_fraction": 0, "val_galaxies": 8}
    return stream.Stream(**usual | changes)


def simulated(number: int, modality: str = "spectrum", **changes) -> stream.Round:
    with ordered_map(1) as run:
        return stream.simulate_round(make_stream(**changes), modality, number, run)


def same(a: stream.Round, b: stream.Round) -> bool:
    a, b = a.arrays(), b.arrays()
    return a.keys() == b.keys() and all(np.array_equal(value, b[name]) for name, value in a.items())


def test_round_is_the_same_whatever_came_before_and_however_many_processes(tmp_path, monkeypatch):
    chosen = make_stream()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with stream.open_rounds(chosen, "image", 2) as rounds:
        found = {number: rounds.take(number) for number in (stream.VALIDATION, 1, 2)}
    assert same(found[2], simulated(2, "image"))
    assert not np.array_equal(found[1].rows, found[2].rows)
    assert not np.array_equal(found[stream.VALIDATION].rows, found[1].rows[:8])
    assert list(tmp_path.rglob("*")) == []


def test_round_has_what_its_modality_needs():
    found = simulated(1, "image")
    assert found.rows.dtype == GALAXY_DTYPE and len(found.rows) == 64
    assert found.image.shape == (64, 48, 48, 3) and found.image.dtype == np.float16
    assert np.isfinite(found.image).all() and found.continuum is found.lines is None
    found = simulated(1)
    assert found.continuum.shape == found.lines.shape == (64, 7781)
    assert found.continuum.dtype == found.lines.dtype == np.float16 and found.image is None
    whole = spectra.fibre_spectra(found.rows, found.fibre_fraction, library())
    # three digits, and very faint ends
    np.testing.assert_allclose(found.continuum.astype("f4") + found.lines, whole, rtol=2e-3, atol=1e-6)


def test_light_of_stars_and_of_lines_makes_the_spectrum():
    some, share = drawn("main")[:8], np.full((8, 3), 0.4)
    continuum, lines = spectra.fibre_components(some, share, library())
    np.testing.assert_allclose(continuum + lines, spectra.fibre_spectra(some, share, library()), rtol=1e-5)
    assert (lines >= 0).all() and (lines.max(1) > 0).all()


def test_share_in_the_fibre_is_that_of_the_cutout():
    for galaxy in drawn("main")[:4]:
        _, expected = images.render(galaxy, bank(), np.random.default_rng(1))
        found = images.fibre_fraction(galaxy, bank(), np.random.default_rng(1))
        np.testing.assert_array_equal(found, expected)


def test_bright_share_holds_for_the_round_and_seeds_give_other_galaxies():
    found = simulated(1)
    assert found.rows["bright_sample"].sum() == round(0.3 * 64)
    assert not np.array_equal(found.rows, simulated(1, seed=3).rows)


def test_at_most_two_rounds_are_in_memory(monkeypatch):
    made, others = [], queue.Queue()

    def simulate(*_) -> stream.Round:
        others.put(sum(ref() is not None for ref in made))
        found = stream._room(4, "spectrum", 48)
        made.append(weakref.ref(found))
        return found

    monkeypatch.setattr(stream, "simulate_round", simulate)
    rounds = stream.Rounds(make_stream(galaxies=6 * 64), "spectrum", map)
    dataset = RoundDataset(rounds, 64)
    dataset.turn_to(1)
    assert others.get(timeout=10) == 0
    for number in range(2, 7):
        # beside that which is being made, only the one in use
        assert others.get(timeout=10) == 1
        dataset.turn_to(number)
    rounds.close()
    assert len(made) == 6


def test_round_under_way_ends_when_its_stream_is_closed():
    started = threading.Event()

    def endless(function, jobs):
        while True:
            started.set()
            time.sleep(0.01)
            yield stream._room(0, "spectrum", 48)

    rounds = stream.Rounds(make_stream(), "spectrum", endless)
    rounds._begin(1)
    assert started.wait(10)
    rounds.close()
    assert rounds._coming[1].done()


def test_epoch_is_a_round_passed_over_several_times():
    class Taken(RoundDataset):
        def turn_to(self, number):
            self.number = number

    dataset = Taken(None, 64)
    sampler = RoundSampler(dataset, 1, 2)
    sampler.set_epoch(2)
    order = list(sampler)
    assert dataset.number == 3 and len(order) == len(sampler) == 128
    passes = np.array(order).reshape(2, 64)
    assert (np.sort(passes) == np.arange(128, 192)).all() and (passes[0] != passes[1]).any()


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_batch_has_the_columns(modality):
    taken = simulated(2, modality)
    dataset = RoundDataset(None, 64)
    dataset._round = taken
    batch = dataset.__getitems__([66, 65, 127])
    assert batch["row"].tolist() == [65, 66, 127]
    at = [1, 2, 63]
    assert set(GALAXY_DTYPE.names) <= batch.keys()
    np.testing.assert_allclose(batch["z"], taken.rows["z"][at], rtol=1e-6)
    assert batch["bright_sample"].tolist() == taken.rows["bright_sample"][at].tolist()
    if modality == "image":
        assert batch["image"].shape == (3, 3, 48, 48)
        np.testing.assert_array_equal(batch["image"][1, 2], taken.image[2, :, :, 2])
    else:
        np.testing.assert_array_equal(batch["lines"], taken.lines[at])
        assert batch["continuum"].shape == (3, 7781)


def test_stream_tells_what_it_is_and_any_change_makes_it_another():
    told = make_stream().describe()
    assert told["splits"] == {"train": 192, "val": 8} and told["crop_px"] == 48
    assert told["stream"]["seed"] == 2 and "library" not in told["stream"]
    for field in dataclasses.fields(stream.Stream)[1:]:
        other = dataclasses.replace(make_stream(), **{field.name: getattr(make_stream(), field.name) + 1})
        assert other.describe()["fingerprint"] != told["fingerprint"], field.name
