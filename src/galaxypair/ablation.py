"""What each difference of an ablation does: scores of all trials, and their mean and scatter over seeds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from galaxypair import tables
from galaxypair.errors import DataError

ARROW = "\N{RIGHTWARDS ARROW}"
KEY = ["metric", "target", "reference", "query"]  # of a score
TARGETS = ("z", "log_mstar")  # whose scores the table shows; the values hold those of all
METRICS = ("r2", "nmad")  # likewise
NAMES = {"r2": "R²", "nmad": "NMAD", "val_loss": "validation loss", "train_seconds": "training [s]"}


def values_of_trial(
    trial: dict,
    history: pd.DataFrame,
    zeroshot: pd.DataFrame,
    retrieval: pd.DataFrame,
    benchmark: pd.DataFrame | None,
) -> pd.DataFrame:
    """Collect the scores of one trial.

    Parameters
    ----------
    trial : dict
        `variant`, `seed`, and `loss_compares`: whether its loss is on the scale of the run's.
    history, zeroshot, retrieval : pandas.DataFrame
        `model/history.csv`, `metrics/zeroshot.csv` and `metrics/retrieval.csv` of it.
    benchmark : pandas.DataFrame, optional
        Snakemake's, of its training.

    Returns
    -------
    pandas.DataFrame
        `tables.ABLATION_COLUMNS`.
    """
    scores = pd.concat([zeroshot, retrieval], ignore_index=True)
    scores = scores.loc[~scores["metric"].str.startswith("chance_"), [*KEY, "value", "n"]]
    alone = {}
    if trial["loss_compares"]:
        alone["val_loss"] = history["val_loss"].min()
    if benchmark is not None:
        alone["train_seconds"] = benchmark["s"].max()
    extra = pd.DataFrame({"metric": list(alone), "value": list(alone.values())}, columns=scores.columns)
    names = ["target", "reference", "query"]
    found = pd.concat([scores, extra.astype({"n": "Int64", **dict.fromkeys(names, str)})])
    found[names] = found[names].where(found["target"] != "nan", "")
    found = found.assign(variant=trial["variant"], seed=trial["seed"], n=found["n"].astype("Int64"))
    return found[list(tables.ABLATION_COLUMNS)].reset_index(drop=True)


def shown(values: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """Choose the scores of the table, in its order.

    Parameters
    ----------
    values : pandas.DataFrame
        `tables.ABLATION_COLUMNS`.

    Returns
    -------
    list of (metric, target, reference, query)
        R² and NMAD of redshift and stellar mass for each pair of modalities, the recall at the number of
        neighbours next to ten both ways, validation loss and training time; those that there are.
    """
    recalls = [m for m in values["metric"].unique() if m.startswith("recall@")]
    recall = min(recalls, key=lambda m: abs(int(m.partition("@")[2]) - 10), default="")
    found = {tuple(key) for key in values[KEY].fillna("").itertuples(index=False)}  # as a CSV has them
    pairs = [(reference, query) for query in tables.MODALITIES for reference in tables.MODALITIES]
    wanted = [(metric, target, *pair) for target in TARGETS for metric in METRICS for pair in pairs]
    wanted += [(recall, "pair", *pair) for pair in pairs]
    wanted += [("val_loss", "", "", ""), ("train_seconds", "", "", "")]
    return [key for key in wanted if key in found]


def summarise(values: pd.DataFrame, differs: dict[str, str]) -> pd.DataFrame:
    """Average over the seeds.

    Parameters
    ----------
    values : pandas.DataFrame
        `tables.ABLATION_COLUMNS`.
    differs : dict of str to str
        Of each variant, in the order of the table: how it differs from the run.

    Returns
    -------
    pandas.DataFrame
        One row per variant: see `tables.ABLATION_COLUMNS`.

    Raises
    ------
    DataError
        If a score occurs twice in one trial.
    """
    values = values.fillna(dict.fromkeys(KEY, ""))  # as a CSV has them
    twice = values.duplicated(["variant", "seed", *KEY])
    if twice.any():
        row = values[twice].iloc[0]
        raise DataError(
            f"Variant `{row['variant']}` with seed {row['seed']} has two values of {row['metric']}. Make its "
            "metrics again: your command with `--forcerun zeroshot retrieval` added."
        )
    out = pd.DataFrame({"variant": list(differs), "differs": list(differs.values())})
    by_variant = values.groupby("variant")
    out["seeds"] = out["variant"].map(by_variant["seed"].nunique())
    groups = values.groupby([*KEY, "variant"])["value"]
    mean, sd = groups.mean(), groups.std()
    for key in shown(values):
        name = "_".join(part for part in (key[0], key[1], key[3], key[2]) if part)
        for suffix, of_all in (("mean", mean), ("sd", sd)):
            out[f"{name}_{suffix}"] = out["variant"].map(of_all[key])
    return out


def markdown(summary: pd.DataFrame, keys: Sequence[tuple[str, str, str, str]]) -> str:
    """Write the summary for reading.

    Parameters
    ----------
    summary : pandas.DataFrame
        From `summarise`.
    keys : sequence of (metric, target, reference, query)
        From `shown`.

    Returns
    -------
    str
        Markdown: one table of what differs, and one of the scores for each target.
    """
    groups: dict[str, list] = {}
    for key in keys:
        groups.setdefault(key[1], []).append(key)
    titles = {"z": "Redshift", "log_mstar": "Stellar mass", "pair": "Retrieval", "": "Training"}
    text = "# Ablation\n\n" + _table(["variant", "what differs", "seeds"], [
        [row.variant, row.differs.replace("|", "\\|") or "nothing", f"{row.seeds}"]
        for row in summary.itertuples()
    ])  # fmt: skip
    for target, own in groups.items():
        rows = [
            [row["variant"], *(_cell(row, "_".join(p for p in (k[0], k[1], k[3], k[2]) if p)) for k in own)]
            for _, row in summary.iterrows()
        ]
        text += f"\n## {titles[target]}\n\n" + _table(["variant", *map(label, own)], rows)
    return text + (
        "\nMean and standard deviation over the seeds; pairs are query \N{RIGHTWARDS ARROW} reference. "
        "The validation loss stands only where it is on the scale of the run's own: same loss, logit scale "
        "and batch.\n"
    )


def label(key: tuple[str, str, str, str]) -> str:
    """Name a score for a reader.

    Parameters
    ----------
    key : (metric, target, reference, query)

    Returns
    -------
    str
        Such as "R², image \N{RIGHTWARDS ARROW} spectrum".
    """
    metric, _, reference, query = key
    name = NAMES.get(metric, metric)
    return f"{name}, {query} {ARROW} {reference}" if query else name


def read_benchmark(path: Path) -> pd.DataFrame | None:
    """Read Snakemake's benchmark of a training, if there is one.

    Parameters
    ----------
    path : Path

    Returns
    -------
    pandas.DataFrame or None
        None if the rule did not run here.
    """
    return pd.read_csv(path, sep="\t", na_values=["-", "NA"]) if path.exists() else None


def _cell(row: pd.Series, name: str) -> str:
    mean, sd = row[f"{name}_mean"], row[f"{name}_sd"]
    if not np.isfinite(mean):
        return ""
    digits = 0 if name == "train_seconds" else 4 if name.startswith("nmad") else 3
    return f"{mean:.{digits}f}" + (f" ± {sd:.{digits}f}" if np.isfinite(sd) else "")


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
