"""Checking of the configuration: unknown keys are refused with the nearest known one."""

import difflib
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from galaxypair.errors import ConfigError
from galaxypair.fetch.address import public_settings
from galaxypair.frozen import STARTER, cached_modalities, frozen_modalities, starts_from
from galaxypair.pretrain_config import pretraining_contradictions, stream_contradictions

KINDS = {  # of JSON schema, in words
    "object": "a section, `{key: value, ...}`",
    "array": "a list, `[a, b, ...]`",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
}

LAYOUTS = {  # of published checkpoints: what each holds
    "rep": {
        "image.encoder": "stein_resnet50",
        "image.head": "mlp",
        "spectrum.encoder": "spender",
        "spectrum.head": "prelu_mlp",
    },
    "astroclip_v2": {
        "embedding_dim": 1024,
        "image.encoder": "astrodino",
        "image.head": "cross_attention_bare",
        "spectrum.encoder": "specformer",
        "spectrum.head": "cross_attention",
    },
}
NATIVE_CROP_PX = {"stein_resnet50": 96, "astrodino": 144, "aion": 96}  # of published image encoders


def load_schema(path: Path) -> dict:
    """Read a JSON schema written as YAML.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
    """
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def typed(value: Any, schema: dict) -> Any:
    """Give text the type that the schema asks for, where it can be read as such.

    `--config train='{epochs: 3}'` hands over the text "3", YAML reads 2e-3 as text, and a run may be
    called 2024.

    Parameters
    ----------
    value : object
        A configuration, or a part of one.
    schema : dict
        JSON schema of that part.

    Returns
    -------
    object
        Copy; what cannot be read as the type asked for stays, for `check` to refuse.
    """
    if isinstance(value, dict):
        parts, others = schema.get("properties", {}), schema.get("additionalProperties")
        others = others if isinstance(others, dict) else {}
        return {key: typed(part, parts.get(key, others)) for key, part in value.items()}
    if isinstance(value, list):
        return [typed(item, schema.get("items", {})) for item in value]
    kinds = schema.get("type", "string")
    if type(value) is int and "string" in kinds and "integer" not in kinds:
        return str(value)
    return _read(value, kinds) if isinstance(value, str) and kinds != "string" else value


def _read(text: str, kinds: str | list[str]) -> Any:
    if text == "null" and "null" in kinds:
        return None
    if text in ("true", "false") and "boolean" in kinds:
        return text == "true"
    for kind, read in (("integer", int), ("number", float)):
        if kind in kinds:
            with suppress(ValueError):
                return read(text)
    return text


def check(config: dict, schema: dict) -> None:
    """Check a configuration against the schema; report everything that is wrong at once.

    Parameters
    ----------
    config : dict
        All config files merged.
    schema : dict
        JSON schema (draft 2020-12).

    Raises
    ------
    ConfigError
        Naming each offending key, what was expected and, for an unknown key, the nearest known.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda e: list(e.absolute_path))
    lines = [line for error in errors for line in _explain(error, schema)] + _not_finite(config)
    lines = lines or _contradictions(config)
    if lines:
        raise ConfigError(
            "The configuration cannot be used:\n  "
            + "\n  ".join(lines)
            + "\nEvery key is explained in config/config.yaml."
        )


def _explain(error: ValidationError, root: dict) -> list[str]:
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        return [_unknown(where, key, known, root) for key in error.instance if key not in known]
    name = f"`{where}`" if where else "the config"
    if error.validator == "enum":
        choices = ", ".join(str(c).lower() if isinstance(c, bool) else str(c) for c in error.validator_value)
        return [f"{name} is {error.instance!r}; choose one of: {choices}."]
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [f"{name} lacks the key `{key}`." for key in missing]
    hint = error.schema.get("description")
    meaning = f" It means: {hint}." if hint else ""
    if error.validator == "type":
        kinds = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        found = "null" if error.instance is None else repr(error.instance)
        return [f"{name} is {found}, expected {' or '.join(KINDS[kind] for kind in kinds)}.{meaning}"]
    if error.validator == "pattern":
        return [f"{name} is {public_settings(error.instance)!r}, which is not allowed.{meaning}"]
    return [f"{name}: {error.message}.{meaning}"]


def _not_finite(part: Any, where: str = "") -> list[str]:
    """NaN and infinity, which pass every bound of the schema or no comparison at all."""
    if isinstance(part, dict):
        return [line for key, value in part.items() for line in _not_finite(value, f"{where}.{key}")]
    if isinstance(part, float) and not math.isfinite(part):
        return [f"`{where[1:]}` is {part}; write a finite number."]
    return []


def _contradictions(config: dict) -> list[str]:
    cuts, split, model = config["preprocess"], config["split"], config["model"]
    lines = []
    if cuts["core_px"] > cuts["crop_px"]:
        lines.append(
            f"`preprocess.core_px` is {cuts['core_px']}, larger than the shards' `preprocess.crop_px` of "
            f"{cuts['crop_px']}; choose at most that."
        )
    if model["image"]["crop_px"] > cuts["crop_px"]:
        lines.append(
            f"`model.image.crop_px` is {model['image']['crop_px']}, larger than the shards' "
            f"`preprocess.crop_px` of {cuts['crop_px']}; choose at most that."
        )
    if cuts["z_min"] >= cuts["z_max"]:
        lines.append(
            f"`preprocess.z_min` is {cuts['z_min']}, not below `preprocess.z_max` of {cuts['z_max']}; "
            "no galaxy can pass."
        )
    if split["train_fraction"] == 1:
        lines.append("`split.train_fraction` is 1, which leaves no test galaxies; choose less.")
    trains = _trains(model) and config["source"] != "embeddings"
    for key in ("train_fraction", "val_fraction"):
        if trains and split[key] == 0:
            lines.append(
                f"`split.{key}` is 0, but a model is to be trained; choose more, or name a trained run in "
                "`model.from_run`."
            )
    if config["crossmatch"]["mmu_provabgs"] and config["crossmatch"]["sps"] != "none":
        lines.append(
            "`crossmatch.mmu_provabgs` and `crossmatch.sps` are two sources of the same properties; "
            "choose one of them."
        )
    if config["run"] == STARTER:
        lines.append(
            f"`run` is {STARTER}, which names the model that comes with the repository; choose another name."
        )
    if model["from_run"] == config["run"]:
        lines.append(
            f"`model.from_run` is this run itself ({config['run']}); name another run's, or null to train."
        )
    lines += _source_contradictions(config) + _model_contradictions(model) + stream_contradictions(config)
    return lines + _training_contradictions(config) if trains else lines


def _source_contradictions(config: dict) -> list[str]:
    source, joint, lines = config["source"], config["download"]["files"]["joint"], []
    if source in ("download", "subset") and joint["url"] is None and joint["path"] is None:
        lines.append(
            f"`source: {source}` needs the joint file, but `download.files.joint` has neither `url` nor "
            "`path`; give one of them."
        )
    for key in ("from_run", "from_checkpoint"):
        if source == "embeddings" and config["model"][key] is not None:
            lines.append(
                f"`model.{key}` names a model, but with `source: embeddings` none is used; set it to null."
            )
    return lines


def _trains(model: dict) -> bool:
    return model["from_run"] is None and model["from_checkpoint"] is None


def _model_contradictions(model: dict) -> list[str]:
    if model["from_run"] and model["from_checkpoint"]:
        return ["`model.from_run` and `model.from_checkpoint` name two models; set one of them to null."]
    if model["from_checkpoint"]:
        layout = model["checkpoint_layout"]
        differing = [(key, value) for key, value in LAYOUTS[layout].items() if _at(model, key) != value]
        return [
            f"`model.{key}` is {_at(model, key)}, but checkpoints of layout {layout} hold {value}; take it "
            f"over from config/{layout}_checkpoint.yaml."
            for key, value in differing
        ] or _towers_that_do_not_fit(model)
    return _towers_that_do_not_fit(model)


def _towers_that_do_not_fit(model: dict) -> list[str]:
    image, lines = model["image"], _heads_that_do_not_fit(model)
    native = NATIVE_CROP_PX.get(image["encoder"])
    if native not in (None, image["crop_px"]) and not starts_from(image):
        lines.append(
            f"`model.image.crop_px` is {image['crop_px']}, but the encoder {image['encoder']} was trained on "
            f"{native} pixels; choose that."
        )
    return lines


def _training_contradictions(config: dict) -> list[str]:
    """Of a model that this run trains."""
    model, train, shards = config["model"], config["train"], config["preprocess"]["crop_px"]
    image = model["image"]
    lines = pretraining_contradictions(config) + _frozen_contradictions(model, train)
    wanted = {"encoder": "stein_resnet50", "head": "mlp"}
    if image["head_init"] == "published":
        lines += [
            f"`model.image.head_init` is published, but `model.image.{key}` is {image[key]}; choose {value}, "
            "or head_init random."
            for key, value in wanted.items()
            if image[key] != value
        ]
        if model["embedding_dim"] != 128 or image["stein_resnet50"]["output"] != "features":
            lines.append(
                "`model.image.head_init` is published: that head leads from the features to 128 dimensions; "
                "choose `model.image.stein_resnet50.output: features` and `model.embedding_dim: 128`."
            )
    lines += _schedule_contradictions(train)
    if train["devices"] != "auto" and train["batch_size"] % (n := train["devices"] * train["nodes"]):
        lines.append(
            f"`train.batch_size` is {train['batch_size']}, which {n} processes cannot share evenly "
            "(`train.devices` times `train.nodes`); make it a multiple."
        )
    angle = train["image_rotation_deg"]
    if angle and not train["image_augmentations"]:
        lines.append("`train.image_rotation_deg` is set, but `train.image_augmentations` is false; set it.")
    turned = math.radians(min(angle, 45))
    needed = math.ceil(image["crop_px"] * (math.cos(turned) + math.sin(turned)) - 1e-9)
    if angle and needed > shards:
        lines.append(
            f"`train.image_rotation_deg` of {angle} turns squares of {image['crop_px']} pixels out of the "
            f"shards' {shards}; set `preprocess.crop_px` to {needed} or more."
        )
    return lines


def _schedule_contradictions(train: dict) -> list[str]:
    rate, final = train["learning_rate"], train["final_learning_rate"]
    of_cosine = [key for key in ("warmup_steps", "cosine_steps", "final_learning_rate") if train[key]]
    if of_cosine and train["schedule"] != "cosine":
        return [
            f"`train.{of_cosine[0]}` is set, but `train.schedule` is {train['schedule']}, which does not "
            "look at it; set schedule: cosine."
        ]
    lines = []
    if final > rate:
        lines.append(
            f"`train.final_learning_rate` of {final} is above `train.learning_rate` of {rate}; lower it."
        )
    if train["cosine_steps"] and train["warmup_steps"] >= train["cosine_steps"]:
        lines.append(
            f"`train.cosine_steps` of {train['cosine_steps']} includes the `train.warmup_steps` of "
            f"{train['warmup_steps']}; set more."
        )
    return lines


def _frozen_contradictions(model: dict, train: dict) -> list[str]:
    frozen, cached = frozen_modalities(model), cached_modalities(model)
    lines = [
        f"`model.{m}.frozen` is true, but the encoder compact has no weights to be kept; choose auto."
        for m in frozen
        if model[m]["encoder"] == "compact" and not starts_from(model[m])
    ] + [
        f"`model.{m}.frozen` is false, but the encoder aion cannot be trained here; choose auto."
        for m in ("image", "spectrum")
        if model[m]["encoder"] == "aion" and m not in frozen
    ]
    views = train["views"]
    if views > 1 and frozen and not cached:
        outputs = " and ".join(f"`model.{m}.{model[m]['encoder']}.output`" for m in frozen)
        lines.append(
            f"`train.views` is {views}, but the features of frozen encoders are not stored where they are "
            f"tokens, which are too large; choose 1, or another output than tokens in {outputs}."
        )
    elif views > 1 and not any(train[f"{m}_augmentations"] for m in cached):
        lines.append(
            f"`train.views` is {views}, but no frozen encoder has augmentations, so that all views would be "
            "the same; choose 1."
        )
    return lines


def _heads_that_do_not_fit(model: dict) -> list[str]:
    """Heads with attention need an encoder that gives tokens, the others one that does not."""
    lines = []
    for modality in ("image", "spectrum"):
        part = model[modality]
        encoder, head = part["encoder"], part["head"]
        if head.startswith("cross_attention") and model["embedding_dim"] % 4:
            lines.append(
                f"`model.embedding_dim` is {model['embedding_dim']}, but the head {head} of "
                f"`model.{modality}` needs a multiple of 4, the number of its attention heads."
            )
        gives_tokens = part[encoder].get("output") == "tokens"
        if head.startswith("cross_attention") and not gives_tokens:
            lines.append(
                f"`model.{modality}.head` is {head}, which reads tokens, but the encoder {encoder} as it is "
                "set gives one feature vector for a galaxy; choose linear, mlp or prelu_mlp, or "
                "`output: tokens` of an encoder that has it."
            )
        elif gives_tokens and not head.startswith("cross_attention"):
            lines.append(
                f"`model.{modality}.head` is {head}, which reads one feature vector for a galaxy, but "
                f"`model.{modality}.{encoder}.output` is tokens; choose cross_attention, or another output."
            )
    return lines


def _at(section: dict, dotted: str) -> Any:
    """Look a value up by its dotted name."""
    for key in dotted.split("."):
        section = section[key]
    return section


def _unknown(where: str, key: str, known: list[str], root: dict) -> str:
    place = f" in `{where}`" if where else ""
    elsewhere = [name for name in _paths(root) if name.rpartition(".")[2] == key]
    if elsewhere:
        return f"unknown key `{key}`{place}; did you mean `{'` or `'.join(elsewhere)}`?"
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}."
    return f"unknown key `{key}`{place}; {hint}"


def _paths(schema: dict, prefix: str = "") -> list[str]:
    names = []
    for key, part in schema.get("properties", {}).items():
        names += [prefix + key, *_paths(part, f"{prefix}{key}.")]
    return names
