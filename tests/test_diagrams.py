from pathlib import Path

import numpy as np
import pytest
import yaml

from galaxypair import layers, model, tables
from galaxypair.figures import diagrams
from galaxypair.io import Embeddings
from galaxypair.trials import merged

CONFIG = Path(__file__).resolve().parents[1] / "config"


def settings(recipe=None):
    base = yaml.safe_load((CONFIG / "config.yaml").read_text(encoding="utf-8"))["model"]
    if recipe is None:
        return base
    return merged(base, yaml.safe_load((CONFIG / f"{recipe}.yaml").read_text(encoding="utf-8"))["model"])


@pytest.fixture(scope="module")
def demo():
    return layers.table(model.build(settings()))


def galaxies(n, px=152):
    rng = np.random.default_rng(n)
    return {
        "targetid": np.arange(n),
        "z": np.full(n, 0.1),
        "image": rng.gamma(1, 0.1, (n, px, px, 3)),
        "spectrum": rng.normal(1, 0.2, (n, tables.N_WAVELENGTH)),
    }


@pytest.mark.parametrize("recipe", [None, "rep", "astroclip_v1"])
def test_layers_hold_every_parameter_of_the_model(recipe):
    made = model.build(settings(recipe))
    table = layers.table(made)
    assert tuple(table.columns) == tables.LAYER_COLUMNS
    for modality in tables.MODALITIES:
        own = table[table["modality"] == modality]
        parts = {"encoder": made.encoders[modality], "head": made.heads[modality]}
        assert {part: model.n_parameters(m) for part, m in parts.items()} == (
            own.groupby("part")["parameters"].sum().to_dict()
        )
        assert own[own["shape"] != ""]["shape"].iloc[-1] == str(made.embedding_dim)


def test_layers_of_a_residual_network_are_its_blocks():
    table = layers.table(model.build(settings("rep"))).query("modality == 'image'")
    blocks = table[table["layer"] == "Bottleneck"]
    assert list(blocks["count"]) == [3, 4, 6, 3]
    assert blocks["shape"].iloc[-1] == "2048 × 3 × 3"


def test_listing_the_layers_leaves_the_model_as_it_was():
    made = model.build(settings()).train()
    layers.table(made)
    assert made.training
    assert not any(m._forward_hooks for m in made.modules())


@pytest.mark.parametrize("modality", tables.MODALITIES)
def test_encoder_diagram_has_a_box_per_layer(demo, modality):
    figure = diagrams.encoder(demo, modality, galaxies(1), 64)
    own = demo[demo["modality"] == modality]
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    shapes = [t for t in texts if (" × " in t and "·" not in t) or t.isdigit()]
    assert shapes == [shape for shape in own["shape"] if shape]
    assert figure.get_label() == f"{modality} tower: {own['parameters'].sum():,} parameters"


def test_pairs_are_compared_image_by_spectrum():
    rng = np.random.default_rng(0)
    vectors = {m: rng.normal(size=(7, 8)).astype("f4") for m in tables.MODALITIES}
    vectors["spectrum"][2] = np.nan
    unit = {m: v / np.linalg.norm(v, axis=1, keepdims=True) for m, v in vectors.items()}
    embeddings = Embeddings(np.arange(7), vectors, unit)
    targetid, cosines = diagrams.pairs(embeddings, np.array([6, 2, 0, 1, 99, 4, 5, 3]))
    assert list(targetid) == [6, 0, 1, 4, 5]
    assert cosines[0, 1] == pytest.approx(float(unit["image"][6] @ unit["spectrum"][0]), abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_contrast_shows_each_pair_on_the_diagonal(n):
    cosines = np.full((n, n), 0.1) + 0.7 * np.eye(n)
    figure = diagrams.contrast(
        galaxies(n, 64), cosines, {"image": "image tower", "spectrum": "spectrum tower"}
    )
    if n == 1:
        assert figure.get_label() == "0 galaxies"
        return
    panel = next(axes for axes in figure.axes if len(axes.images) and len(axes.texts) == n * n)
    bold = [t for t in panel.texts if t.get_fontweight() == "bold"]
    assert [t.get_text() for t in bold] == ["0.80"] * n
    assert panel.images[0].origin == "upper"


@pytest.mark.parametrize("min_samples", [2, 5, 10, 30])
def test_dbscan_diagram_has_cores_and_noise(min_samples):
    figure = diagrams.density_clusters(min_samples)
    drawn = {line.get_label().split(":")[0]: len(line.get_xdata()) for line in figure.axes[0].lines}
    assert drawn["core"] > 0
    assert drawn["noise"] > 0
