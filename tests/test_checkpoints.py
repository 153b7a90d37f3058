import json
import logging
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from checkpoint_factories import (
    head_forward,
    head_state,
    make_rep,
    make_spender,
    make_stein,
    projection_forward,
    rep_settings,
    resnet_forward,
    resnet_state,
    spender_forward,
    spender_state,
)

from galaxypair import checkpoints, imported, model
from galaxypair.encoders.resnet import SteinResNet50
from galaxypair.encoders.spender import SpenderEncoder
from galaxypair.errors import DataError
from galaxypair.io.checkpoints import read_checkpoint

WEIGHT = {"weight": torch.arange(3.0)}


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def write_raw(path, pickled):
    """A checkpoint whose pickle is given byte by byte."""
    torch.save(WEIGHT, path)
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, pickled if name.endswith("data.pkl") else content)
    return path


@pytest.fixture
def mark(tmp_path):
    """A file that a malicious pickle would make."""
    return tmp_path / "it_ran"


@pytest.mark.parametrize(
    "evil",
    [
        lambda mark: Call(os.system, f"touch {mark}"),
        lambda mark: Call(eval, f"open({str(mark)!r}, 'w')"),
        lambda mark: [{"deep": (Call(exec, f"open({str(mark)!r}, 'w')"),)}],
        lambda mark: Call(getattr, Call(__import__, "os"), "system"),
        lambda mark: Call(map, Call(eval, "print"), [f"{mark}"]),
        # an inner checkpoint, which torch itself would open without any restriction
        lambda mark: Call(torch.storage._load_from_bytes, pickle.dumps(Call(os.system, f"touch {mark}"))),
    ],
)
def test_nothing_that_is_pickled_runs(tmp_path, mark, evil):
    path = tmp_path / "evil.ckpt"
    torch.save({"hyper_parameters": evil(mark), "state_dict": WEIGHT}, path)
    found = read_checkpoint(path)
    assert not mark.exists()
    assert torch.equal(found["state_dict"]["weight"], WEIGHT["weight"])


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00touch\x85R.",  # GLOBAL, REDUCE
        b"(S'touch x'\nios\nsystem\n.",  # INST
        b"\x80\x02(cos\nsystem\nS'x'\no.",  # OBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.",  # STACK_GLOBAL
        # BUILD on a function that is allowed would replace its defaults
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x0c\x00\x00\x00__defaults__)s\x86b.",
        b"\x80\x02\x82\x01.",  # an extension code
        b"\x80\x02X\x01\x00\x00\x00xQ.",  # a persistent id that is no storage
    ],
)
def test_every_way_to_name_a_function_ends_in_a_placeholder_or_a_refusal(tmp_path, pickled):
    path = write_raw(tmp_path / "raw.ckpt", pickled)
    try:
        found = read_checkpoint(path)
    except DataError as refusal:
        assert "cannot be read" in str(refusal)
    else:
        assert type(found).__name__ == "_Placeholder"
    assert torch._utils._rebuild_tensor_v2.__defaults__ == (None,)


def test_objects_beside_the_weights_come_as_placeholders(tmp_path):
    path = tmp_path / "mixed.ckpt"
    scores = {"best": np.float64(1.0), "array": np.arange(3), "folder": tmp_path, "kinds": {1, 2}}
    torch.save({"callbacks": scores, "epoch": 3, "state_dict": WEIGHT}, path)
    found = read_checkpoint(path)
    assert found["epoch"] == 3
    assert {type(value).__name__ for value in found["callbacks"].values()} == {"_Placeholder"}
    assert torch.equal(found["state_dict"]["weight"], WEIGHT["weight"])


@pytest.fixture(scope="module")
def stein_file(tmp_path_factory):
    return make_stein(tmp_path_factory.mktemp("weights") / "resnet50.ckpt", paths=Call(os.getcwd))


@pytest.fixture(scope="module")
def rep_file(tmp_path_factory):
    return make_rep(tmp_path_factory.mktemp("weights") / "epoch=49-[256, 128], lr=0.0005.ckpt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>log in</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"", "no PyTorch checkpoint, or not all of it"),
        (b"\x80\x02junk" * 100, "no PyTorch checkpoint, or not all of it"),
        (pickle.dumps({"a": 1}), "no PyTorch checkpoint, or not all of it"),
    ],
)
def test_file_of_another_kind_is_refused(tmp_path, content, message):
    path = tmp_path / "weights.ckpt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"weights.ckpt`: .*{message}"):
        read_checkpoint(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_checkpoint(tmp_path / "gone.ckpt")


def test_truncated_file_is_refused(tmp_path, stein_file):
    path = tmp_path / "part.ckpt"
    path.write_bytes(stein_file.read_bytes()[:10_000_000])
    with pytest.raises(DataError, match="not all of it"):
        read_checkpoint(path)


def test_zip_file_that_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match="cannot be read as a PyTorch checkpoint"):
        read_checkpoint(path)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_program_of_torchscript_is_refused(tmp_path):
    path = tmp_path / "script.pt"
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)), path)
    with pytest.raises(DataError, match="cannot be read as a PyTorch checkpoint"):
        read_checkpoint(path)


@pytest.mark.parametrize("output", ["features", "projection"])
def test_stein_weights_come_from_the_query_encoder(stein_file, output, caplog):
    encoder = SteinResNet50(output=output)
    with caplog.at_level(logging.INFO):
        checkpoints.load_encoder(encoder, "stein_resnet50", stein_file)
    expected = resnet_state()
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, expected[key]), key
    assert "encoder_k (1), queue (1), queue_ptr (1)" in caplog.text


def test_bare_state_dict_of_the_image_encoder_is_read_as_well(tmp_path):
    torch.save(resnet_state(), tmp_path / "bare.pt")
    checkpoints.load_encoder(SteinResNet50(), "stein_resnet50", tmp_path / "bare.pt")


def test_resnet_of_somebody_else_is_refused_even_if_only_its_features_are_wanted(tmp_path):
    state = {k: v for k, v in resnet_state().items() if not k.startswith("fc.")}
    torch.save(
        {**state, "fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}, tmp_path / "in.pt"
    )
    with pytest.raises(DataError, match=r"not the image encoder of Stein.*lacks `0.weight`"):
        checkpoints.load_encoder(SteinResNet50(), "stein_resnet50", tmp_path / "in.pt")


@pytest.mark.parametrize("form", [{}, {"as_list": True}, {"old_names": True}])
def test_spender_weights_come_from_every_form_of_its_file(tmp_path, form):
    path = make_spender(tmp_path / "spender.pt", **form)
    encoder = SpenderEncoder()
    checkpoints.load_encoder(encoder, "spender", path)
    assert list(encoder.state_dict()) == list(spender_state())
    for key, value in encoder.state_dict().items():
        assert torch.equal(value, spender_state()[key]), key


def test_first_weight_that_does_not_fit_is_named_with_the_number_of_others(tmp_path):
    state = spender_state()
    del state["conv2.0.bias"]
    state["conv3.0.weight"] = torch.zeros(512, 256, 20)
    torch.save({"model": {f"encoder.{k}": v for k, v in state.items()}}, tmp_path / "x.pt")
    with pytest.raises(
        DataError, match=r"x.pt`: lacks `conv2.0.bias` of shape \(256,\) \(1 more do not fit\)"
    ):
        checkpoints.load_encoder(SpenderEncoder(), "spender", tmp_path / "x.pt")


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], {"model": []}, {"model": 3}])
def test_file_without_weights_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "x.pt")
    for name, encoder in (("spender", SpenderEncoder()), ("stein_resnet50", SteinResNet50())):
        with pytest.raises(DataError, match="holds no weights where"):
            checkpoints.load_encoder(encoder, name, tmp_path / "x.pt")


def test_swapped_files_are_refused(stein_file, rep_file):
    with pytest.raises(DataError, match=r"holds no weights where the spectrum encoder of spender"):
        checkpoints.load_encoder(SpenderEncoder(), "spender", stein_file)
    with pytest.raises(DataError, match="not the image encoder of Stein"):
        checkpoints.load_encoder(SteinResNet50(), "stein_resnet50", rep_file)


@torch.inference_mode()
def test_imported_model_embeds_as_its_authors_network_does_in_evaluation_mode(rep_file, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        made, exported = imported.import_model(rep_file, rep_settings())
    assert "temperature (1)" in caplog.text
    model.save(made, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(exported))
    loaded = model.PairModel.from_pretrained(tmp_path)

    torch.manual_seed(0)
    stored = torch.rand(3, 112, 112, 3)  # as in a shard: axes swapped, bands last
    original = stored.transpose(1, 3)[:, :, 8:104, 8:104]
    expected = projection_forward(resnet_state(), resnet_forward(resnet_state(), original))
    torch.testing.assert_close(
        loaded.embed("image", stored.permute(0, 3, 1, 2)), expected, rtol=1e-4, atol=1e-4
    )

    flux = torch.randn(3, 7781) + 2
    expected = head_forward(head_state(), spender_forward(spender_state(), flux))
    torch.testing.assert_close(loaded.embed("spectrum", flux), expected, rtol=1e-4, atol=1e-5)


def test_other_sizes_of_the_head_are_a_setting(tmp_path):
    path = make_rep(tmp_path / "b.ckpt", hidden=(256, 256))
    with pytest.raises(
        DataError, match=r"`heads.spectrum.0.weight` has shape \(256, 256\).*`model.prelu_mlp`"
    ):
        imported.import_model(path, rep_settings())
    settings = rep_settings(prelu_mlp={"hidden": [256, 256], "dropout": 0.1})
    made, exported = imported.import_model(path, settings)
    assert not made.training
    assert exported["n_parameters"] == 27_966_656 + 3_115_392 + 165_120
    assert exported["checkpoint"]["file"] == "b.ckpt"
