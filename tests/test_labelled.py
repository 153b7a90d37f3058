"""Embeddings joined to labels: what is left out, and that it is counted."""

import logging

import numpy as np
import pytest
from factories_fewshot import make_splits

from galaxypair import io
from galaxypair.errors import DataError
from galaxypair.labelled import labelled_splits

SIZES = {"train": 90, "val": 30, "test": 30}


def collect(splits, properties, targets=("z", "log_mstar")):
    return {(space, target): found for space, target, found in labelled_splits(splits, properties, targets)}


def test_labels_are_joined_by_targetid():
    splits, properties = make_splits(SIZES)
    found = collect(splits, properties.sample(frac=1, random_state=1))
    own = found["image", "log_mstar"]["train"]
    known = properties.set_index("targetid")["log_mstar"]
    np.testing.assert_array_equal(own.y, known.loc[own.targetid])
    rows = np.isin(splits["train"].targetid, own.targetid)
    np.testing.assert_array_equal(own.x, splits["train"].unit["image"][rows])
    assert np.isfinite(own.y).all()
    assert found["both", "z"]["test"].x.shape == (30, 12)


def test_galaxies_without_label_or_embedding_are_left_out_and_counted(caplog):
    splits, properties = make_splits(SIZES)
    splits["train"].unit["image"][:7] = np.nan
    with caplog.at_level(logging.INFO):
        found = collect(splits, properties)
    assert len(found["image", "z"]["train"].y) == 83
    assert "image, z: 83 of 90 train, 30 of 30 val, 30 of 30 test galaxies have" in caplog.text
    assert len(found["both", "z"]["train"].y) == len(found["image", "z"]["train"].y)


@pytest.mark.parametrize("other", ["val", "test"])
def test_a_galaxy_in_two_splits_stops_the_run(other):
    splits, properties = make_splits(SIZES)
    train = splits["train"]
    ids = np.concatenate([splits[other].targetid[:2], train.targetid[2:]])
    splits["train"] = io.Embeddings(ids, train.raw, train.unit)
    with pytest.raises(DataError, match=rf"2 galaxies are among both the train and the {other} split"):
        collect(splits, properties)


def test_a_property_of_too_few_galaxies_is_left_out(caplog):
    splits, properties = make_splits(SIZES)
    properties.loc[10:, "log_mstar"] = np.nan
    assert {target for _, target in collect(splits, properties)} == {"z"}
    assert "image, log_mstar: 6 of 90 train" in caplog.text
    assert "too few, left out" in caplog.text


def test_a_missing_modality_leaves_its_spaces_out():
    splits, properties = make_splits(SIZES)
    for own in splits.values():
        own.unit["spectrum"] = np.full_like(own.unit["spectrum"], np.nan)
    assert {space for space, _ in collect(splits, properties)} == {"image"}


def test_without_val_split_every_tenth_of_train_takes_its_place():
    splits, properties = make_splits({"train": 90, "val": 0, "test": 30})
    own = collect(splits, properties)["image", "z"]
    assert (len(own["train"].y), len(own["val"].y)) == (81, 9)
    assert sorted([*own["train"].targetid, *own["val"].targetid]) == list(splits["train"].targetid)
    np.testing.assert_array_equal(own["val"].targetid, np.sort(splits["train"].targetid)[::10])


def test_nothing_to_train_on_is_refused():
    splits, properties = make_splits({"train": 5, "val": 2, "test": 2})
    with pytest.raises(DataError, match=r"z, log_mstar.*at least 20 train, 5 val, 2 test"):
        collect(splits, properties)
