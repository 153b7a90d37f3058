import numpy as np
import pandas as pd
import pytest
import yaml

from galaxypair import Model, model_card, tables

CONFIG = {
    "run": "r",
    "source": "simulate",
    "model": {
        "embedding_dim": 8,
        "logit_scale": 15.5,
        "image": {"encoder": "compact", "head": "linear", "crop_px": 96, "compact": {"width": 4}},
        "spectrum": {"encoder": "spender", "head": "linear", "spender": {"normalise": "none"}},
    },
    "train": {
        "optimizer": "adamw", "learning_rate": 1.5e-3, "schedule": "one_cycle", "weight_decay": 0.05,
        "batch_size": 128, "loss": "info_nce", "learnable_scale": False, "seed": 7,
    },
    "dataset": {"splits": {"train": 1000, "val": 100}},
    "n_parameters": 1234567,
    "frozen": ["spectrum"],
    "pretrained": {},
}  # fmt: skip
HISTORY = pd.DataFrame(
    [[1, 4.5, 4.2, 1e-3, 4.85, 4.85], [2, 4.0, 3.9, 1e-3, 4.85, 4.85]], columns=list(tables.HISTORY_COLUMNS)
)


def scores() -> tuple[pd.DataFrame, pd.DataFrame]:
    base = {"protocol": "train_to_test", "reference": "image", "query": "spectrum", "n": 1753}
    zeroshot = pd.DataFrame(
        [
            base | {"target": "z", "metric": "r2", "value": 0.744, "low": 0.7, "high": 0.78},
            base | {"target": "z", "metric": "nmad", "value": 0.0388, "low": 0.03, "high": 0.04},
            base | {"target": "z", "metric": "bias", "value": 0.5, "low": 0.4, "high": 0.6},
        ]
    )
    recall = base | {"target": "pair", "metric": "recall@10", "value": 0.196, "low": 0.187, "high": 0.205}
    return zeroshot, pd.DataFrame([recall])


def full(tmp_path, **changes) -> str:
    return model_card.card(CONFIG | changes, HISTORY, *scores(), tmp_path)


def test_card_tells_data_recipe_and_best_epoch(tmp_path):
    text = full(tmp_path)
    for told in (
        "mock survey", "1,234,567", "1,000 train, 100 val",
        "Frozen: the encoder of spectrum (spender), with published weights",
        "adamw",
        "0.0015 (one_cycle)", "fixed at 15.5", "Best epoch 2 of 2", "3.900", "seed 7",
        f'Model.from_pretrained("{tmp_path}")',
    ):  # fmt: skip
        assert told in text, told


def test_scores_of_the_tables_stand_in_the_full_card(tmp_path):
    text = full(tmp_path)
    assert "| z | image | spectrum | 0.744 (0.700 to 0.780) | 0.039 (0.030 to 0.040) |  | 1,753 |" in text
    assert "0.500" not in text  # the bias is no column
    assert "19.6 % (18.7 to 20.5 %)" in text
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["license"] == "mit" and "mock" in header["tags"]


def test_card_tells_on_what_an_encoder_was_pretrained(tmp_path):
    origin = {"run": "p", "objective": "masked chunks", "epochs": 5, "source": "simulate"}
    origin["dataset"] = {"splits": {"train": 900}, "fingerprint": "a"}
    dataset = CONFIG["dataset"] | {"fingerprint": "a"}
    text = full(tmp_path, pretrained={"image": origin}, dataset=dataset)
    assert (
        "Fine-tuned: the encoder of image (compact), pretrained by run `p` (masked chunks, 5 epochs)" in text
    )
    assert "the train split of this run too" in text
    text = full(tmp_path, pretrained={"image": origin}, dataset=dataset | {"fingerprint": "b"})
    assert "another dataset" in text


def test_card_of_real_galaxies_leaves_the_licence_to_the_sources(tmp_path):
    text = full(tmp_path, source="download")
    assert "ock" not in text
    assert "license: other" in text and "say here which" in text


def test_imported_model_has_a_card_without_a_recipe(tmp_path):
    config = {key: CONFIG[key] for key in ("run", "model", "n_parameters")}
    config["checkpoint"] = {"file": "a.ckpt", "layout": "rep", "sha256": "abc"}
    text = model_card.card(config, None, *scores(), tmp_path)
    assert "a.ckpt" in text and "SHA-256 abc" in text
    assert "Recipe" not in text


def test_model_is_a_name_of_the_package():
    assert Model.__name__ == "PairModel"
    with pytest.raises(ImportError):
        from galaxypair import Models  # noqa: F401


def test_arrays_of_the_files_are_embedded_in_one_call(trained_folder):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 40, 40, 3)).astype("f4")
    spectra = rng.normal(1, 1, (3, tables.N_WAVELENGTH)).astype("f4")
    pair = Model.from_pretrained(str(trained_folder))
    both = pair.embed_arrays(image=images, spectrum=spectra)
    assert {m: v.shape for m, v in both.items()} == {"image": (3, 8), "spectrum": (3, 8)}
    alone = pair.embed_arrays(spectrum=spectra[:1])
    assert list(alone) == ["spectrum"]
    np.testing.assert_allclose(alone["spectrum"], both["spectrum"][:1], rtol=1e-5, atol=1e-6)


@pytest.fixture
def trained_folder(tmp_path):
    import json

    from galaxypair import model

    settings = CONFIG["model"] | {
        "spectrum": {"encoder": "compact", "head": "linear", "compact": {"width": 4}}
    }
    settings["image"] = settings["image"] | {"crop_px": 32}
    model.save(model.build(settings).eval(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model": settings}))
    return tmp_path
