"""Paths and the check of the configuration; no science, no rules."""

import re
import sys
from pathlib import Path

_ROOT = Path(str(workflow.current_basedir)).parents[1]
sys.path.insert(0, str(_ROOT / "src"))

from galaxypair import batch_system, clocks
from galaxypair import config as config_check
from galaxypair import tables
from galaxypair import trials as ablation_trials
from galaxypair.errors import ConfigError
from galaxypair.frozen import STARTER, cached_modalities, starts_from
from galaxypair.published.layouts import holds_pixels, split_files
from galaxypair.published.survey import refusal as not_comparable
from snakemake.exceptions import WorkflowError

_SCHEMA = config_check.load_schema(
    _ROOT / "workflow" / "schemas" / "config.schema.yaml"
)

config.update(config_check.typed(config, _SCHEMA))
try:
    config_check.check(config, _SCHEMA)
    # what the run may train, by folder within its own: "" is its own model, others are of the ablation
    TRIALS = ablation_trials.trials(config, _SCHEMA)
except ConfigError as err:
    raise WorkflowError(str(err)) from None


for _link in Path("results", config["run"]).glob("*/*"):
    # Snakemake would stop at it with a guess about other processes
    if _link.is_symlink() and not _link.exists():
        raise WorkflowError(
            f"`{_link}`: the file that this link names is gone (`{_link.readlink()}`). Put it back, or "
            "remove the link: what was made from the file stays, and it is fetched again only if need be."
        )


def code(*modules):
    """Modules that define a rule's result: an edit of them reruns it (compared by checksum).

    A name with a suffix is another file of the package. See `repository`: a folder that is moved as a whole
    does not look changed.
    """
    names = [name if Path(name).suffix else f"{name}.py" for name in modules]
    return [repository(f"src/galaxypair/{name}") for name in names]


def repository(name):
    """A file that comes with the repository; from the working directory where it lies in it."""
    path, here = _ROOT / name, Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def existing(*paths):
    """Those of the paths that are there: files of the user's or of another run.

    They are tracked when present; when absent the job itself says what to do, so that a dry run
    works without any data.
    """
    found = [path for path in paths if path and Path(path).exists()]
    for path in found:
        clocks.refuse_future(Path(path), WorkflowError)
    return found


def published_file(name):
    """What the config says of a published file, by the name of its entry or of a file called so."""
    return config["download"]["files"][Path(name).stem]


def published_votes():
    """Files with votes on morphology, by the entry of the config that they are fetched by."""
    return {"galaxy_zoo": "galaxy_zoo.csv", "galaxy10": "galaxy10.h5"}


def published_weights():
    """Entries of the config that are weights; the others are the survey and votes."""
    others = ("joint", "provabgs", *published_votes())
    return [name for name in config["download"]["files"] if name not in others]


def published_checkpoint():
    """The published checkpoint that is imported: one that is fetched, by its entry, or the user's own file."""
    name = config["model"]["from_checkpoint"]
    return (
        f"results/{config['run']}/weights/{name}.ckpt"
        if name in published_weights()
        else name
    )


def fetches_checkpoint():
    """Whether the checkpoint that is imported is fetched first."""
    return config["model"]["from_checkpoint"] in published_weights()


def trial_config(wildcards):
    """The configuration of what is trained: the run's own, or that of a trial of its ablation."""
    return TRIALS[wildcards.get("trial", ablation_trials.OWN)]


def model_mb(wildcards):
    """Memory that the weights of the model take while they are loaded; of AstroCLIP's, 1.5 GB twice."""
    large = {"astrodino", "specformer", "aion"}
    settings = trial_config(wildcards)["model"]
    used = {settings[m]["encoder"] for m in ("image", "spectrum")}
    return 4000 if used & large else 0


def fetched_survey():
    """Files of the survey that come as they are published; a source makes the others itself."""
    files = ["joint.h5", "provabgs.hdf5"]
    return files if config["source"] == "download" else files[1:]


def joint_url():
    """Where the published joint file is: on this machine, or on its server."""
    entry = published_file("joint")
    return entry["path"] or entry["url"]


def trained_run():
    """The run whose model is used: this one, or the one that it borrows from."""
    return config["model"]["from_run"] or config["run"]


def model_folder(wildcards):
    """Folder of the model that embeds: the run's own, a trial's, another run's, or the starter."""
    if config["model"]["from_run"] == STARTER:
        return repository(f"{STARTER}/model")
    return f"results/{trained_run()}/{wildcards.trial}model"


def model_file(wildcards, name):
    """A file of the model; another run's is tracked if it is there, see `existing`."""
    path = f"{model_folder(wildcards)}/{name}"
    return path if config["model"]["from_run"] is None else existing(path)


def trains():
    """Whether the run trains a model, or takes another run's or a published one."""
    return not (config["model"]["from_run"] or config["model"]["from_checkpoint"])


def makes_model():
    """Whether a model is trained or imported in this run."""
    return not imports_embeddings() and config["model"]["from_run"] is None


def pretrained_encoder(modality, settings):
    """What of a modality's encoder shapes its pretraining."""
    part = settings["model"][modality]
    keys = ["encoder", part["encoder"], *(["crop_px"] if modality == "image" else [])]
    return {key: part[key] for key in keys}


def pretrained_weights(modality, wildcards):
    """The pretrained weights that an encoder starts from: of this run, where trials share them, or another's."""
    settings = trial_config(wildcards)
    chosen = starts_from(settings["model"][modality])
    if chosen == STARTER:
        return repository(f"{STARTER}/pretrain/{modality}/model.safetensors")
    if chosen in (True, config["run"]):
        wanted = pretrained_encoder(modality, settings)
        same = (t for t in TRIALS if pretrained_encoder(modality, TRIALS[t]) == wanted)
        return (
            f"results/{wildcards.run}/{next(same)}pretrain/{modality}/model.safetensors"
        )
    return f"results/{chosen}/pretrain/{modality}/model.safetensors"


def check_pretrained():
    """Stop if the pretrained weights of another run are not there."""
    for settings in TRIALS.values():
        for modality in ("image", "spectrum"):
            chosen = starts_from(settings["model"][modality])
            path = f"results/{chosen}/pretrain/{modality}/model.safetensors"
            if chosen in (True, False, STARTER, config["run"]) or Path(path).exists():
                continue
            raise WorkflowError(
                f"`{path}`: no such file, but `model.{modality}.pretrained` names the run {chosen}. Make it "
                f"with that run's config: `snakemake --cores all {path} --configfile ...`; or set the key to starter, or "
                "to true, to pretrain here."
            )


def weights_of(modality, wildcards):
    """The weights that an encoder starts from, if there are such: pretrained or published ones."""
    part = trial_config(wildcards)["model"][modality]
    if starts_from(part):
        return pretrained_weights(modality, wildcards)
    name = part["encoder"]
    known = name in published_weights()
    return f"results/{wildcards.run}/weights/{name}.ckpt" if known else []


def ablated():
    """Variant, seed and folder of the trials that the ablation compares, the run itself first."""
    return [
        (variant, seed, ablation_trials.folder(variant, seed, config))
        for variant in (ablation_trials.AS_CONFIGURED, *config["ablation"]["variants"])
        for seed in config["ablation"]["seeds"]
    ]


def of_trials(name):
    """One file of each trial."""
    return [f"results/{{run}}/{folder}{name}" for _, _, folder in ablated()]


def described_trials():
    """What the table of the ablation says of each trial, and where the time of its training stands."""
    shown = []
    for variant, seed, folder in ablated():
        # the seed is no difference of a variant
        changed = ablation_trials.merged(
            TRIALS[folder], {"train": {"seed": config["train"]["seed"]}}
        )
        shown.append(
            {
                "variant": variant,
                "seed": seed,
                "differs": ablation_trials.describe(config, changed),
                "loss_compares": ablation_trials.comparable_losses(config, changed),
                # read if there; not an input, or each timing would make the table again
                "benchmark": f"logs/{config['run']}/{folder}train.benchmark.tsv",
            }
        )
    return shown


def cached_encoders(settings):
    """The frozen encoders of a configuration whose features are stored, with what shapes these."""
    names = cached_modalities(settings["model"])
    parts = {name: settings["model"][name] for name in names}
    heads = ("frozen", "pretrained", "head", "head_init")
    return {
        name: {key: value for key, value in part.items() if key not in heads}
        for name, part in parts.items()
    }


def view_settings(settings):
    """What of the training shapes the stored features; without augmented views neither seed nor draws."""
    train = settings["train"]
    keys = ["views", "feature_dtype"]
    if train["views"] > 1:
        keys += ["seed", "image_augmentations", "image_rotation_deg"]
        keys += ["spectrum_augmentations"]
    return {key: train[key] for key in keys}


def cached_weights(modality, wildcards):
    """The weights of an encoder whose features are stored."""
    cached = modality in cached_encoders(trial_config(wildcards))
    return weights_of(modality, wildcards) if cached else []


def stores_features():
    """Whether any training of the run reads stored features."""
    return trains() and any(cached_encoders(settings) for settings in TRIALS.values())


def features_of(split, wildcards):
    """Stored features of frozen encoders, if there are any; trials with the same ones share them."""

    def shaping(settings):
        return cached_encoders(settings), view_settings(settings)

    wanted = shaping(trial_config(wildcards))
    first = next(trial for trial in TRIALS if shaping(TRIALS[trial]) == wanted)
    return f"results/{wildcards.run}/{first}features/{split}.h5" if wanted[0] else []


def features_mb(files):
    """Memory for the features that a job reads [MB]."""
    stored = [files.get("train_features"), files.get("val_features")]
    return int(sum(Path(path).stat().st_size for path in stored if path) / 1e6)


def predicts():
    """Whether the run predicts the user's own galaxies from another run's, or evaluates its own survey."""
    return config["model"]["from_run"] is not None and config["source"] == "ingest"


def imports_embeddings():
    """Whether the run starts from embeddings that are there already."""
    return config["source"] == "embeddings"


def has_pixels():
    """Whether there are cutouts and spectra to show."""
    entry = config["embeddings"]
    return not imports_embeddings() or (
        has_pairs() and holds_pixels(entry["path"], entry["layout"])
    )


def has_pairs():
    """Whether galaxies have both modalities, so that one can be found by the other."""
    return len(spaces()) == 3


def query_numbers(most):
    """Numbers of the first galaxies that the retrieval figures ask for, counted from 1."""
    entry = config["retrieval"]
    named = [] if isinstance(entry["queries"], int) else entry["queries"]
    n = len([*named, *entry["query_rows"]]) or entry["queries"]
    return range(1, min(n, most) + 1)


def spaces():
    """Embedding spaces of the run: those of its modalities and, of two, the joined one."""
    modalities = config["embeddings"]["modalities"]
    if imports_embeddings() and len(modalities) == 1:
        return modalities
    return ["image", "spectrum", "both"]


def validation_embeddings(trial, *protocols):
    """Embeddings of the validation split, where a protocol of zero-shot regression chooses k by it."""
    ks = [entry["k"] for entry in (config["zeroshot"], *protocols)]
    wanted = any(isinstance(k, list) and len(k) > 1 for k in ks)
    return f"results/{config['run']}/{trial}embeddings/val.parquet" if wanted else []


def half_the_cores():
    """Threads of what is fastest in pairs: searches for neighbours, of which half are not parallel."""
    return max(1, (workflow.cores or 16) // 2)


def neighbours():
    """Neighbours of methods that do not choose their number: `zeroshot.k`, the first of several."""
    k = config["zeroshot"]["k"]
    return k[0] if isinstance(k, list) else k


def catalogue():
    """The catalogue of properties; without one only redshifts are predicted."""
    entry = published_file("provabgs")
    makes_its_own = config["source"] in ("simulate", "ingest", "mmu")
    if not makes_its_own and entry["path"] is None and entry["url"] is None:
        return []
    return "results/{run}/survey/provabgs.hdf5"


def made_votes():
    """Votes on morphology, published or of the mock survey, that a rule provides; not the user's own."""
    chosen = config["morphology"]["votes"]
    if chosen in published_votes():
        return f"results/{{run}}/votes/{published_votes()[chosen]}"
    mock = chosen is None and config["source"] == "simulate"
    return "results/{run}/survey/galaxy_zoo.csv" if mock else []


def own_votes():
    """The user's own file of votes on morphology, if there is one."""
    chosen = config["morphology"]["votes"]
    return None if chosen in published_votes() else chosen


def has_votes():
    """Whether there are votes on morphology, of galaxies with a split."""
    return bool(made_votes() or own_votes()) and not predicts()


def voted_questions():
    """Questions that there are votes on, as far as the config tells."""
    entry = config["morphology"]
    if entry["questions"] or own_votes():
        return entry["questions"] or []
    return ["galaxy10"] if entry["votes"] == "galaxy10" else list(tables.GALAXY_ZOO)


def settings_of(*sections):
    """Run, source with its section, and further sections, for whoever gets the result alone."""
    return {key: config[key] for key in ("run", "source", config["source"], *sections)}


def leak_check():
    """The table of galaxies on both sides of a split, where there are shards and splits to compare."""
    return (
        [] if predicts() or imports_embeddings() else "results/{run}/dataset/leaks.csv"
    )
