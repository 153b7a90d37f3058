import copy
from pathlib import Path

import pytest
import yaml

from galaxypair import config
from galaxypair.errors import ConfigError

REPO = Path(__file__).parents[1]
SCHEMA = config.load_schema(REPO / "workflow" / "schemas" / "config.schema.yaml")
DEFAULTS = yaml.safe_load((REPO / "config" / "config.yaml").read_text())


def changed(path: str, value: object) -> dict:
    settings = copy.deepcopy(DEFAULTS)
    *sections, key = path.split(".")
    node = settings
    for section in sections:
        node = node[section]
    node[key] = value
    return settings


def test_shipped_config_passes():
    config.check(DEFAULTS, SCHEMA)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("train.epocs", 3, r"unknown key `epocs` in `train`; did you mean `epochs`\?"),
        ("views", 3, r"unknown key `views`; did you mean `train.views`\?"),
        ("train.crop_px", 96, r"did you mean `preprocess.crop_px` or `model.image.crop_px`\?"),
        ("predict.zzzzzz", 3, r"unknown key `zzzzzz` in `predict`; known keys: k\."),
        (
            "source",
            "simulation",
            r"choose one of: simulate, ingest, download, subset, hub, mmu, embeddings\.",
        ),
        (
            "download.joint",
            "a.h5",
            r"unknown key `joint` in `download`; did you mean `download.files.joint`\?",
        ),
        ("download.files.joint.url", "ftp://a/b.h5", r"not allowed. It means: address of a file, http:// or"),
        ("download.files.joint.url", "ftp://me:x@a/b.h5?y", r"url` is 'ftp://a/b.h5', which is not allowed"),
        ("download.files.joint.url", "https://a/b/", r"not allowed. It means: address of a file"),
        ("download.files.spender.sha256", "b9bc8d", r"not allowed. It means: 8 to 64 hexadecimal digits"),
        ("train.epochs", "many", r"`train.epochs` is 'many', expected a whole number\."),
        ("split.val_fraction", 1.0, r"`split.val_fraction`: 1.0 is greater than or equal to the maximum"),
        (
            "run",
            "a b",
            r"`run` is 'a b', which is not allowed. It means: name of the folder under results/: ",
        ),
        ("run", "a/b", r"`run` is 'a/b', which is not allowed"),
        ("run", "..", r"`run` is '..', which is not allowed"),
        ("run", True, r"`run` is True, expected text"),
        ("model.from_run", "../demo", r"`model.from_run` is '../demo', which is not allowed"),
        ("train", None, r"`train` is null, expected a section, `{key: value, ...}`\."),
        ("retrieval.recall_at", "5", r"`retrieval.recall_at` is '5', expected a list, `\[a, b, ...\]`\."),
        ("retrieval.recall_at", [], r"`retrieval.recall_at`: \[\] should be non-empty"),
        ("cluster.kmeans_k", [2, 2], r"`cluster.kmeans_k`: \[2, 2\] has non-unique elements"),
        ("cluster.dbscan_eps", "elbow", r"`cluster.dbscan_eps` is 'elbow', .* quantile, knee or a radius"),
        ("cluster.dbscan_eps", 0, r"`cluster.dbscan_eps`: 0 is less than or equal to the minimum"),
        ("cluster.annotated", [0, 1, 2, 3, 4], r"`cluster.annotated`: .* is too long"),
        ("zeroshot.targets", "z", r"`zeroshot.targets` is 'z', expected a list, .* or null\."),
        ("preprocess.z_min", float("nan"), r"`preprocess.z_min` is nan; write a finite number\."),
        ("train.learning_rate", float("inf"), r"`train.learning_rate` is inf; write a finite number\."),
        ("figures.dpi", 10**6, r"`figures.dpi`: 1000000 is greater than the maximum of 1200"),
        (
            "split.train_fraction",
            1,
            r"`split.train_fraction` is 1, which leaves no test galaxies; choose less",
        ),
        (
            "split.train_fraction",
            0,
            r"`split.train_fraction` is 0, but a model is to be trained; choose more",
        ),
        ("split.val_fraction", 0.0, r"`split.val_fraction` is 0, but a model is to be trained; choose more"),
        ("model.image.pretrained", "../x", r"`model.image.pretrained` is '../x', which is not allowed"),
        ("model.image.pretrained", None, r"`model.image.pretrained` is null, expected text or true or false"),
        (
            "pretrain.spectrum.masked_chunks",
            16,
            r"`pretrain.spectrum.chunk_bins` is 500, .* has 480 bins; choose",
        ),
        ("pretrain.image.jitter_px", 49, r"`pretrain.image.jitter_px` is 49, which moves galaxies out"),
        ("preprocess.core_px", 120, r"`preprocess.core_px` is 120, larger than .* of \d+; choose at most"),
        ("model.image.crop_px", 144, r"`model.image.crop_px` is 144, larger than .* of \d+; choose at most"),
        ("preprocess.z_min", 0.9, r"`preprocess.z_min` is 0.9, not below `preprocess.z_max`"),
        ("model.from_run", "demo", r"`model.from_run` is this run itself \(demo\)"),
    ],
)
def test_refusal_names_key_and_remedy(path, value, message):
    with pytest.raises(ConfigError, match=message):
        config.check(changed(path, value), SCHEMA)


@pytest.mark.parametrize("source", ["download", "subset"])
def test_joint_file_that_cannot_come_from_anywhere_is_refused_at_once(source):
    settings = changed("source", source)
    settings["download"]["files"]["joint"]["url"] = None
    with pytest.raises(ConfigError, match=rf"`source: {source}` needs the joint file, but .* neither `url`"):
        config.check(settings, SCHEMA)
    settings["download"]["files"]["joint"]["path"] = "joint.h5"
    config.check(settings, SCHEMA)


def test_nothing_is_asked_of_the_training_where_embeddings_are_there():
    settings = changed("source", "embeddings")
    settings["split"] = {"train_fraction": 0.5, "val_fraction": 0}
    config.check(settings, SCHEMA)
    for key in ("from_run", "from_checkpoint"):
        settings["model"] |= {"from_run": None, "from_checkpoint": None, key: "other"}
        with pytest.raises(
            ConfigError, match=rf"`model\.{key}` names a model, but with `source: embeddings`"
        ):
            config.check(settings, SCHEMA)


def published(**changes):
    settings = changed("model.from_checkpoint", "rep.ckpt")
    settings["model"]["image"] |= {"encoder": "stein_resnet50", "head": "mlp", "crop_px": 96}
    settings["model"]["spectrum"] |= {"encoder": "spender", "head": "prelu_mlp"}
    settings["model"] |= changes
    return settings


def test_published_checkpoint_needs_no_train_split():
    settings = published()
    settings["split"]["train_fraction"] = 0
    config.check(settings, SCHEMA)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            published(
                image=DEFAULTS["model"]["image"]
                | {"encoder": "stein_resnet50", "head": "mlp", "crop_px": 64, "pretrained": False}
            ),
            r"`model.image.crop_px` is 64, but the encoder stein_resnet50 was trained on 96 pixels",
        ),
        (published(from_run="demo"), r"`model.from_run` and `model.from_checkpoint` name two models"),
        (
            published(image=DEFAULTS["model"]["image"]),
            r"`model.image.encoder` is compact, but checkpoints of layout rep hold stein_resnet50; take",
        ),
    ],
)
def test_sections_of_the_model_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        config.check(settings, SCHEMA)


def test_two_sources_of_derived_properties_are_refused():
    settings = changed("crossmatch.sps", "provabgs")
    config.check(settings, SCHEMA)
    settings["crossmatch"]["mmu_provabgs"] = "mmu.parquet"
    with pytest.raises(ConfigError, match=r"two sources of the same properties; choose one"):
        config.check(settings, SCHEMA)


def test_missing_key_is_named():
    settings = copy.deepcopy(DEFAULTS)
    del settings["embed"]["batch_size"]
    with pytest.raises(ConfigError, match="`embed` lacks the key `batch_size`"):
        config.check(settings, SCHEMA)


def test_everything_wrong_is_reported_at_once():
    settings = changed("train.epocs", 3)
    settings["source"] = "sky"
    with pytest.raises(ConfigError) as refusal:
        config.check(settings, SCHEMA)
    assert "epocs" in str(refusal.value)
    assert "sky" in str(refusal.value)
    assert str(refusal.value).endswith("Every key is explained in config/config.yaml.")


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("train.epochs", "3", 3),
        ("train.learning_rate", "2e-3", 0.002),
        ("train.image_augmentations", "false", False),
        ("model.from_run", "null", None),
        ("retrieval.recall_at", ["1", "5"], [1, 5]),
        ("ingest.catalogue", "2024", "2024"),  # what is meant as text stays text
        ("model.from_run", "2024", "2024"),
        ("run", 2024, "2024"),
        ("run", True, True),  # for `check` to refuse
        ("train.epochs", "many", "many"),  # for `check` to refuse
        ("train.epocs", "3", "3"),
    ],
)
def test_text_from_the_command_line_gets_its_type(path, text, value):
    assert config.typed(changed(path, text), SCHEMA) == changed(path, value)


def trained(train=None, crop_px=None, **image):
    settings = published(from_checkpoint=None)
    settings["model"]["image"] |= image
    settings["train"] |= train or {}
    settings["preprocess"]["crop_px"] = crop_px or settings["preprocess"]["crop_px"]
    return settings


@pytest.mark.parametrize(
    "settings",
    [
        trained(),
        trained(frozen=False),
        trained(head_init="published"),
        trained({"views": 8}),
        trained({"image_rotation_deg": 45}, crop_px=136),
    ],
)
def test_published_encoders_can_be_trained_on(settings):
    config.check(settings, SCHEMA)


def from_scratch(path, value):
    """Defaults but for one key, and for encoders without weights to start from."""
    settings = changed(path, value)
    for modality in ("image", "spectrum"):
        settings["model"][modality]["pretrained"] = False
    return settings


def on_spectra(encoder, head, output, train=None, **part):
    settings = from_scratch("model.spectrum.encoder", encoder)
    settings["model"]["spectrum"] |= {"head": head, encoder: {"output": output}, **part}
    settings["train"] |= train or {}
    return settings


@pytest.mark.parametrize(
    "settings",
    [
        on_spectra("specformer", "linear", "mean", {"views": 8}),
        on_spectra("specformer", "cross_attention", "tokens"),
        on_spectra("specformer", "cross_attention", "tokens", frozen=False),
    ],
)
def test_transformers_can_be_trained_on(settings):
    config.check(settings, SCHEMA)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            on_spectra("specformer", "cross_attention", "tokens", {"views": 8}),
            r"`train.views` is 8, .* tokens, .* choose 1, .* in `model.spectrum.specformer.output`",
        ),
        (
            on_spectra("aion", "linear", "mean", frozen=False),
            r"`model.spectrum.frozen` is false, but the encoder aion cannot be trained",
        ),
        (
            from_scratch("model.image.frozen", True),
            r"`model.image.frozen` is true, but the encoder compact has no",
        ),
        (
            changed("model.image.frozen", "yes"),
            r"`model.image.frozen` is 'yes'; choose one of: auto, true, fa",
        ),
        (trained(head="linear", head_init="published"), r"`model.image.head` is linear; choose mlp"),
        (changed("model.image.head_init", "published"), r"`model.image.encoder` is compact; choose stein_re"),
        (
            trained(head_init="published", stein_resnet50={"stretch": "raw", "output": "projection"}),
            r"`model.image.head_init` is published: .*output: features` and `model.embedding_dim: 128`",
        ),
        (from_scratch("train.views", 8), r"`train.views` is 8, but no frozen encoder has augmentations"),
        (
            trained({"views": 8, "image_augmentations": False, "spectrum_augmentations": False}),
            r"`train.views` is 8, but no frozen encoder has augmentations",
        ),
        (trained({"image_rotation_deg": 45}), r"shards' 112; set `preprocess.crop_px` to 136 or more"),
        (trained({"image_rotation_deg": 5}, crop_px=100), r"shards' 100; set `preprocess.crop_px` to 105"),
        (
            trained({"image_rotation_deg": 5, "image_augmentations": False}),
            r"`train.image_rotation_deg` is set, but `train.image_augmentations` is false",
        ),
        (trained({"warmup_steps": 5}), r"`train.warmup_steps` is set, but .* set schedule: cosine"),
        (
            trained({"schedule": "cosine", "final_learning_rate": 1.0}),
            r"`train.final_learning_rate` of 1.0 is above `train.learning_rate`",
        ),
        (
            trained({"schedule": "cosine", "warmup_steps": 5, "cosine_steps": 5}),
            r"`train.cosine_steps` of 5 includes the `train.warmup_steps` of 5",
        ),
    ],
)
def test_sections_of_a_training_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        config.check(settings, SCHEMA)


def test_frozen_is_a_choice_on_the_command_line_too():
    part = SCHEMA["properties"]["model"]["properties"]["image"]
    assert config.typed({"frozen": "true"}, part) == {"frozen": True}
    assert config.typed({"frozen": "auto"}, part) == {"frozen": "auto"}


@pytest.mark.parametrize(
    ("modality", "encoder", "message"),
    [
        (
            "image",
            "astrodino",
            r"`model.image.pretrained` is set, but the encoder astrodino .* compact, stein_",
        ),
        (
            "spectrum",
            "aion",
            r"`model.spectrum.pretrained` is set, but the encoder aion cannot be pretrained",
        ),
    ],
)
def test_encoders_that_nothing_here_pretrains_are_refused(modality, encoder, message):
    settings = changed(f"model.{modality}.encoder", encoder)
    settings["model"][modality]["pretrained"] = True
    with pytest.raises(ConfigError, match=message):
        config.check(settings, SCHEMA)


@pytest.mark.parametrize("chosen", [True, "some_run"])
def test_pretrained_compact_encoder_may_be_frozen(chosen):
    settings = changed("model.image.frozen", True)
    settings["model"]["image"]["pretrained"] = False
    with pytest.raises(ConfigError, match="has no weights to be kept"):
        config.check(settings, SCHEMA)
    settings["model"]["image"]["pretrained"] = chosen
    config.check(settings, SCHEMA)
