"""Exported folders: loaded both ways, bit for bit; small in memory; whole or not there."""

import json
import tracemalloc

import datasets
import numpy as np
import pandas as pd
import pytest
from factories import make_dataset, make_embeddings

from galaxypair import export, io, tables
from galaxypair.data_card import MEANINGS, data_card, size_category
from galaxypair.errors import DataError
from galaxypair.published.embeddings import iter_blocks
from galaxypair.published.layouts import recognise

N = 30
IDS = 39627000000000000 + np.arange(N)
Z = np.linspace(0.05, 0.5, N).astype("f4")
SPLIT = np.array(["train", "test", "train"])[np.arange(N) % 3]  # no val
SETTINGS = {"run": "mini", "source": "simulate", "simulate": {"seed": 1}}


@pytest.fixture(autouse=True)
def offline(tmp_path, monkeypatch):
    """Nothing is asked of the hub, nothing left in the user's cache."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def load_both(folder, tmp_path):
    """As datasets of numpy arrays, from Arrow and from parquet."""
    found = (
        datasets.load_from_disk(folder),
        datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache")),
    )
    return [one.with_format("numpy") for one in found]


def export_galaxies(folder, tmp_path, settings=SETTINGS):
    manifest = io.read_manifest(make_dataset(tmp_path / "dataset", IDS, Z, SPLIT, crop_px=8))
    splits = {s: (manifest["splits"][s], export.iter_galaxies(manifest, s)) for s in tables.SPLITS}
    export.export(folder, splits, export.galaxy_features(8), settings)
    return manifest


def test_galaxies_come_back_bit_for_bit_both_ways(tmp_path):
    manifest = export_galaxies(tmp_path / "out", tmp_path)
    for loaded in load_both(tmp_path / "out", tmp_path):
        assert sorted(loaded) == ["test", "train"]
        for name, rows in loaded.items():
            expected = next(
                io.iter_shards(manifest, ["image", "spectrum", "z", "targetid", "has_image"], split=name)
            )
            got = rows[:]
            assert got["image"].dtype == got["spectrum"].dtype == got["redshift"].dtype == np.float32
            np.testing.assert_array_equal(got["image"].view("u4"), expected["image"].view("u4"))
            np.testing.assert_array_equal(got["spectrum"][:, :, 0], expected["spectrum"])
            np.testing.assert_array_equal(got["redshift"], expected["z"])
            np.testing.assert_array_equal(got["targetid"], expected["targetid"])
            assert got["has_image"].all()


def test_embeddings_come_back_bit_for_bit_and_can_be_imported(tmp_path):
    splits = {}
    for name in ("train", "test"):
        own = SPLIT == name
        path = make_embeddings(tmp_path / f"{name}.parquet", IDS[own], Z[own], split=name)
        ledger = pd.DataFrame({"targetid": IDS[::-1], "z": Z[::-1], "kept": True})
        splits[name] = (io.embeddings_shape(path)[0], export.iter_embeddings(path, ledger))
    export.export(tmp_path / "out", splits, export.embedding_features(16), SETTINGS)
    for loaded in load_both(tmp_path / "out", tmp_path):
        for name, rows in loaded.items():
            expected = io.read_embeddings(tmp_path / f"{name}.parquet")
            np.testing.assert_array_equal(np.stack(rows[:]["image_embedding"]), expected.raw["image"])
            np.testing.assert_array_equal(rows[:]["z"], Z[SPLIT == name])
    (file,) = (tmp_path / "out" / "data").glob("test-*.parquet")
    with io.open_columns(file) as columns:
        layout = recognise(file, columns.names, "auto")
        block = next(iter_blocks(columns, layout, tables.MODALITIES))
    assert block.targetid.tolist() == IDS[SPLIT == "test"].tolist()
    np.testing.assert_array_equal(block.z, Z[SPLIT == "test"])


def test_large_sets_are_cut_into_files_and_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "SHARD_BYTES", 200_000)
    export_galaxies(tmp_path / "out", tmp_path)
    assert len(list((tmp_path / "out" / "data").glob("train-*-of-*.parquet"))) > 2
    for loaded in load_both(tmp_path / "out", tmp_path):
        np.testing.assert_array_equal(loaded["train"][:]["targetid"], IDS[SPLIT == "train"])


def test_memory_does_not_grow_with_the_set(tmp_path):
    def batches(n):
        for start in range(0, n, 64):
            ids = np.arange(start, start + 64)
            yield {
                "targetid": ids,
                "z": ids.astype("f4"),
                **{f"{m}_embedding": np.ones((64, 512), "f4") for m in tables.MODALITIES},
            }

    peaks = []
    for n in (64 * 10, 64 * 200):  # 2.6 and 52 MB
        tracemalloc.start()
        export.export(tmp_path / f"{n}", {"test": (n, batches(n))}, export.embedding_features(512), SETTINGS)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2e6


def test_failed_export_leaves_nothing_and_the_next_one_works(tmp_path):
    def broken():
        yield {"targetid": np.arange(2), "z": np.zeros(2, "f4"), "image_embedding": np.zeros((2, 4), "f4"),
               "spectrum_embedding": np.zeros((2, 4), "f4")}  # fmt: skip
        raise DataError("a shard is damaged")

    with pytest.raises(DataError, match="a shard is damaged"):
        export.export(tmp_path / "out", {"test": (4, broken())}, export.embedding_features(4), SETTINGS)
    assert [p.name for p in tmp_path.iterdir() if "out" in p.name] == []
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "left").write_text("of a killed job")
    export_galaxies(tmp_path / "out", tmp_path)
    assert not (tmp_path / "out" / "left").exists()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "README.md",
        "data",
        "dataset_dict.json",
        "test",
        "train",
    ]


def test_folder_that_is_there_is_not_touched(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match="is there already"):
        export_galaxies(tmp_path / "out", tmp_path)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"


def test_no_galaxy_no_folder(tmp_path):
    with pytest.raises(DataError, match="no galaxy to export"):
        export.export(tmp_path / "out", {"train": (0, iter(()))}, export.embedding_features(4), SETTINGS)


def test_card_says_what_it_is_and_warns_of_mock_galaxies(tmp_path):
    export_galaxies(tmp_path / "out", tmp_path)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for told in (
        "license: mit",
        "- n<1K",
        "array3_d",
        "Mock galaxies",
        "20 train, 10 test",
        "stae1450",
        '"seed": 1',
    ):
        assert told in card, told
    assert card.count("---\n") == 2
    assert all(f"| `{name}` |" in card for name in export.galaxy_features(8))


def test_card_shows_no_credentials():
    files = {"joint": {"url": "https://user:hunter2@host/a.h5?token=hunter2"}}
    settings = {"run": "r", "source": "download", "download": {"files": files}}
    card = data_card("galaxies", settings, {"test": 5}, {"image": "x"}, "out")
    assert "https://host/a.h5" in card and "hunter2" not in card


@pytest.mark.parametrize("source", ["ingest", "download", "embeddings"])
def test_card_of_real_galaxies_leaves_the_licence_to_the_sources(source):
    settings = {"run": "r", "source": source, source: {}}
    card = data_card("galaxies", settings, {"test": 5000}, {"image": "x"}, "out")
    assert "license: other" in card
    assert "- 1K<n<10K" in card
    assert "ock" not in card
    assert json.loads(card.partition("```json\n")[2].partition("```")[0]) == settings


def test_every_exported_column_has_its_meaning():
    assert set(MEANINGS) == {*export.galaxy_features(8), *export.embedding_features(4)}


def test_sizes_are_in_the_words_of_the_hub():
    assert [size_category(n) for n in (999, 1000, 99_999, 2_000_000)] == [
        "n<1K",
        "1K<n<10K",
        "10K<n<100K",
        "1M<n<10M",
    ]
