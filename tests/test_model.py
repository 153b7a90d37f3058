import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from galaxypair import losses, model
from galaxypair.errors import WeightsError

SETTINGS = {
    "from_run": None,
    "embedding_dim": 8,
    "logit_scale": 15.5,
    "image": {"encoder": "compact", "head": "linear", "crop_px": 32, "compact": {"width": 4}},
    "spectrum": {"encoder": "compact", "head": "linear", "compact": {"width": 4}},
}


@pytest.fixture
def exported(tmp_path):
    torch.manual_seed(0)
    made = model.build(SETTINGS).eval()
    model.save(made, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model": SETTINGS}))
    return tmp_path, made


def test_saved_model_loads_to_the_same_embeddings(exported):
    folder, made = exported
    image, spectrum = torch.rand(2, 3, 40, 40), torch.rand(2, 7781) + 1
    loaded = model.PairModel.from_pretrained(folder)
    assert not loaded.training
    with torch.inference_mode():
        assert torch.equal(loaded.embed("image", image), made.embed("image", image))
        assert torch.equal(loaded.embed("spectrum", spectrum), made.embed("spectrum", spectrum))


def test_single_galaxy_keeps_its_batch_dimension(exported):
    with torch.inference_mode():
        assert exported[1].embed("image", torch.rand(1, 3, 40, 40)).shape == (1, 8)


def test_missing_model_says_how_to_make_it(tmp_path):
    with pytest.raises(WeightsError, match="make demo"):
        model.PairModel.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("heads.image.bias"), "lacks `heads.image.bias`"),
        (lambda s: s.update({"heads.image.bias": torch.zeros(9)}), r"`heads.image.bias` has shape \(9,\)"),
        (lambda s: s.update({"stray": torch.zeros(1)}), "holds `stray`"),
    ],
)
def test_first_weight_that_does_not_fit_is_named(exported, change, message):
    folder, _ = exported
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors")
    with pytest.raises(WeightsError, match=message):
        model.PairModel.from_pretrained(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_file_that_is_no_model_is_refused(exported, name):
    folder, _ = exported
    (folder / name).write_text("hi")
    with pytest.raises(WeightsError, match=r"cannot be read.*`--forcerun train` added"):
        model.PairModel.from_pretrained(folder)


def test_info_nce_is_the_symmetric_cross_entropy_of_scaled_cosines():
    torch.manual_seed(1)
    a, b = torch.randn(5, 3), torch.randn(5, 3)
    logits = 15.5 * F.normalize(a, dim=1) @ F.normalize(b, dim=1).T
    rows = -torch.log_softmax(logits, 1).diagonal().mean()
    columns = -torch.log_softmax(logits, 0).diagonal().mean()
    assert losses.info_nce(a, b, 15.5).item() == pytest.approx(((rows + columns) / 2).item(), rel=1e-6)


def test_info_nce_of_uninformative_embeddings_is_the_log_of_the_batch():
    same = torch.ones(512, 4)
    assert losses.info_nce(same, same, 15.5).item() == pytest.approx(np.log(512), rel=1e-5)


@pytest.mark.parametrize(("scale", "floor"), [(1.0, 5.240), (2.741, 3.520)])
def test_info_nce_floor_at_perfect_alignment_equals_the_published_one(scale, floor):
    n = 512
    simplex = torch.eye(n) - 1 / n  # pairs at cosine 1, all others at -1 / (n - 1)
    assert losses.info_nce(simplex, simplex, scale).item() == pytest.approx(floor, abs=1e-3)


@pytest.mark.parametrize("text", ["[]", '{"model": 3}', '{"model": {"image": "compact"}}', "\udcff"])
def test_config_of_another_kind_is_refused(exported, text):
    folder, _ = exported
    (folder / "config.json").write_text(text, errors="surrogateescape")
    with pytest.raises(WeightsError, match=r"`config.json` cannot be read"):
        model.PairModel.from_pretrained(folder)


def test_sigmoid_loss_judges_every_pair_of_the_batch():
    torch.manual_seed(1)
    a, b = torch.randn(5, 3), torch.randn(5, 3)
    logits = 10 * F.normalize(a, dim=1) @ F.normalize(b, dim=1).T - 3
    judged = F.binary_cross_entropy_with_logits(logits, torch.eye(5), reduction="sum") / 5
    found = losses.sigmoid(a, b, 10.0, torch.tensor(-3.0))
    assert found.item() == pytest.approx(judged.item(), rel=1e-6)


@pytest.mark.parametrize("n", [2, 64])
def test_chance_of_the_sigmoid_loss_is_the_best_that_a_constant_does(n):
    same = torch.ones(n, 4)
    biases = torch.linspace(-10, 10, 4001)
    best = min(losses.sigmoid(same, same, 1.0, bias - 1).item() for bias in biases)
    assert losses.chance("sigmoid", n) == pytest.approx(best, abs=1e-4)
    assert losses.chance("info_nce", n) == pytest.approx(np.log(n))


@pytest.mark.parametrize("name", ["info_nce", "sigmoid"])
@pytest.mark.parametrize("learnable", [False, True])
def test_loss_learns_what_it_is_asked_to(name, learnable):
    loss = losses.ContrastiveLoss(name, 15.5, learnable)
    names = {key for key, _ in loss.named_parameters()}
    assert names == {*(["log_scale"] if learnable else []), *(["bias"] if name == "sigmoid" else [])}
    assert float(torch.as_tensor(loss.logit_scale).detach()) == pytest.approx(15.5)
    torch.manual_seed(1)
    if names:
        loss(torch.randn(6, 3), torch.randn(6, 3)).backward()
    assert all(p.grad.abs() > 0 for p in loss.parameters())


def test_learned_scale_stays_below_a_hundred():
    loss = losses.ContrastiveLoss("info_nce", 1e4, True)
    assert loss.logit_scale.item() == losses.MAX_SCALE
