"""The report's tables and key numbers: metric tables in, tables of texts and sentences out."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from galaxypair import tables
from galaxypair.figures import style

ARROW = " \N{RIGHTWARDS ARROW} "
PAIR = f"query{ARROW}reference"
LEAK_KINDS = {
    "same_targetid": "same TARGETID",
    "same_position": "same place on the sky",
    "identical_image": "image identical, pixel by pixel",
    "identical_spectrum": "spectrum identical, pixel by pixel",
    "similar_image": "image of one galaxy, by its pixels",
    "shared_sky": "cutouts overlap",
}
LEAK_OUTCOMES = {
    "none": "nothing found",
    "dropped": "all but one dropped by preprocess",
    "left_in": "LEFT IN: on both sides of a split",
    "information": "kept: shared sky, not one galaxy",
    "not_checked": "not checked",
}
ABSENT = "\N{EM DASH}"  # begins a cell that holds no value; greyed on the page
METRICS = {
    "r2": "R\u00b2",
    "nmad": "scatter \u03c3 (NMAD)",
    "bias": "bias",
    "outlier_fraction": "share of outliers",
}
READOUT_METRICS = {
    **METRICS,
    "coverage_68": "share of true values in the 68 % interval",
    "confident_fraction": "share of confident redshifts",
    "confident_outlier_fraction": "share of outliers among the confident",
}
METHODS = {"own_galaxies": "nearest neighbours", "readout": "readout of the encoder"}


def score_matrix(metrics: pd.DataFrame, metric: str = "r2") -> pd.DataFrame:
    """Arrange one zero-shot metric as a table to read.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/zeroshot.csv`.
    metric : str, default="r2"

    Returns
    -------
    pandas.DataFrame
        A row per property, a column per pair of modalities, cells "value [low, high]", and n.
    """
    rows = metrics[metrics["metric"] == metric]
    pair = rows["query"] + ARROW + rows["reference"]
    cell = [style.interval(*v) for v in rows[["value", "low", "high"]].to_numpy()]
    order = rows["target"].drop_duplicates()
    matrix = rows.assign(pair=pair, cell=cell).pivot(index="target", columns="pair", values="cell")
    matrix["n"] = rows.groupby("target")["n"].max().map("{:,.0f}".format)
    return matrix.reindex(order).reset_index().rename_axis(columns=None)


def retrieval_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Put retrieval metrics beside what random guessing gives.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/retrieval.csv`, rows `{metric}` and `chance_{metric}`.

    Returns
    -------
    pandas.DataFrame
    """
    chance = metrics["metric"].str.startswith("chance_")
    key = ["query", "reference", "metric"]
    guessed = metrics[chance].assign(metric=metrics["metric"].str.removeprefix("chance_"))
    rows = metrics[~chance].merge(guessed[[*key, "value"]], on=key, how="left", suffixes=("", "_guess"))
    cell = [style.interval(*v) for v in rows[["value", "low", "high"]].to_numpy()]
    return pd.DataFrame(
        {
            PAIR: rows["query"] + ARROW + rows["reference"],
            "metric": rows["metric"].str.replace("_", " "),
            "value [68 % interval]": cell,
            "random guess": ["" if pd.isna(v) else f"{v:.4g}" for v in rows["value_guess"]],
            "n": rows["n"].map("{:,.0f}".format),
        }
    )


def prediction_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Lay out how well predictions of own galaxies, or readouts, agree with what was known.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/predictions_metrics.csv` or `metrics/readout.csv`.

    Returns
    -------
    pandas.DataFrame
        A row per property, modality, method and metric.
    """
    return pd.DataFrame(
        {
            "target": metrics["target"],
            "from": metrics["query"],
            "by": metrics["protocol"].map(METHODS),
            "metric": metrics["metric"].map(READOUT_METRICS),
            "value [68 % interval]": [
                style.interval(*v) for v in metrics[["value", "low", "high"]].to_numpy()
            ],
            "n": metrics["n"].map("{:,.0f}".format),
        }
    )


def protocols_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Lay out R² under each protocol, a column for each pair of modalities.

    Parameters
    ----------
    metrics : pandas.DataFrame
        `metrics/protocols.csv`.

    Returns
    -------
    pandas.DataFrame
        A row per protocol and property.
    """
    parts = [
        score_matrix(rows).assign(protocol=protocol)
        for protocol, rows in metrics.groupby("protocol", sort=False)
    ]
    table = pd.concat(parts, ignore_index=True).fillna("")
    return table[["protocol", *table.columns.drop("protocol")]]


def compare_table(compared: pd.DataFrame) -> pd.DataFrame:
    """Lay out published, reproduced and own scores.

    Parameters
    ----------
    compared : pandas.DataFrame
        `metrics/compare.csv`.

    Returns
    -------
    pandas.DataFrame
        A row per published value; where there is none of this run, `ABSENT` and the reason.
    """
    own = [
        f"{ABSENT} {row.reason}" if pd.isna(row.ours) else style.interval(row.ours, row.low, row.high)
        for row in compared.itertuples()
    ]
    return pd.DataFrame(
        {
            "protocol": compared["protocol"],
            "model": compared["model"],
            PAIR: compared["query"] + ARROW + compared["reference"],
            "property": compared["target"],
            "metric": compared["metric"].replace(METRICS),
            "published": [_cited(*v) for v in compared[["published", "published_by"]].to_numpy()],
            "reproduced": [_cited(*v) for v in compared[["reproduced", "reproduced_by"]].to_numpy()],
            "this run": own,
        }
    ).fillna("")


def _cited(value: float, source: str) -> str:
    return "" if pd.isna(value) else f"{value:.3g} ({source})"


def ledger_table(ledger: pd.DataFrame) -> pd.DataFrame:
    """Count the galaxies by what became of them.

    Parameters
    ----------
    ledger : pandas.DataFrame
        `kept`, `reason`, `split`.

    Returns
    -------
    pandas.DataFrame
        Columns `galaxies are`, `n`, `share`; the last row is the total.
    """
    kept = ledger.loc[ledger["kept"], "split"].value_counts().reindex(tables.SPLITS, fill_value=0)
    lost = ledger.loc[~ledger["kept"], "reason"].value_counts()
    names = [f"kept, {split}" for split in kept.index]
    names += [f"left out, {reason.replace('_', ' ')}" for reason in lost.index]
    counts = [*kept, *lost, len(ledger)]
    share = [f"{n / max(len(ledger), 1):.2%}" for n in counts]
    return pd.DataFrame({"galaxies": [*names, "all"], "n": [f"{n:,}" for n in counts], "share": share})


def leaks_table(leaks: pd.DataFrame) -> pd.DataFrame:
    """Lay out the search for galaxies on both sides of a split.

    Parameters
    ----------
    leaks : pandas.DataFrame
        `dataset/leaks.csv`.

    Returns
    -------
    pandas.DataFrame
        A row per kind.
    """
    counts = leaks[["checked", "dropped", "pairs", "galaxies"]].map("{:,}".format)
    return pd.DataFrame(
        {
            "kind": leaks["kind"].map(LEAK_KINDS),
            "galaxies checked": counts["checked"],
            "dropped before": counts["dropped"],
            "pairs across splits": counts["pairs"],
            "galaxies in them": counts["galaxies"],
            "what was done": leaks["outcome"].map(LEAK_OUTCOMES),
        }
    )


def resources_table(benchmarks: Path) -> pd.DataFrame:
    """Read run time and peak memory of each rule.

    Parameters
    ----------
    benchmarks : Path
        Folder of `*.benchmark.tsv`; rules that were not benchmarked here are simply absent.

    Returns
    -------
    pandas.DataFrame
        The longest first; `seconds`, `peak memory [MB]`.
    """
    rows = []
    for path in sorted(benchmarks.glob("*.benchmark.tsv")):
        table = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
        if len(table):
            memory = table["max_rss"].max()
            rows.append((path.name.removesuffix(".benchmark.tsv"), table["s"].max(), memory))
    found = pd.DataFrame(rows, columns=["job", "seconds", "memory"]).sort_values("seconds", ascending=False)
    return pd.DataFrame(
        {
            "job": found["job"],
            "run time [s]": found["seconds"].map("{:,.1f}".format),
            "peak memory [MB]": ["" if pd.isna(m) else f"{m:,.0f}" for m in found["memory"]],
        }
    )


def collect_tables(read: Mapping[str, pd.DataFrame], benchmarks: Path) -> dict[str, pd.DataFrame]:
    """Arrange the tables of a run for reading.

    Parameters
    ----------
    read : mapping of str to pandas.DataFrame
        `ledger` and those of `leaks`, `losses`, `zeroshot`, `protocols`, `compare`, `retrieval`,
        `readout` and `predictions` that the run has.
    benchmarks : Path
        See `resources_table`.

    Returns
    -------
    dict of str to pandas.DataFrame
        Title -> table of texts.
    """
    made = {"Where the galaxies went": ledger_table(read["ledger"])}
    if "leaks" in read:
        made["Leak check: one galaxy on both sides of a split"] = leaks_table(read["leaks"])
    if "losses" in read:
        made["Losses of the cross-match with the catalogue of properties"] = read["losses"]
    if "zeroshot" in read:
        for metric, title in METRICS.items():
            made[f"Zero-shot regression: {title} ({PAIR})"] = score_matrix(read["zeroshot"], metric)
    if "protocols" in read:
        leaks = "adn" in set(read["protocols"]["protocol"])
        leak = "; adn: each galaxy among its own neighbours" if leaks else ""
        title = f"Zero-shot regression by protocol: {METRICS['r2']} ({PAIR}{leak})"
        made[title] = protocols_table(read["protocols"])
    if "compare" in read:
        made["Published, reproduced and own scores"] = compare_table(read["compare"])
    if "retrieval" in read:
        made["Retrieval"] = retrieval_table(read["retrieval"])
    if "readout" in read:
        made["Readout of the encoders, trained on the truth of a mock survey"] = prediction_table(
            read["readout"]
        )
    if "predictions" in read:
        made["Own galaxies of known redshift or mass"] = prediction_table(read["predictions"])
    made["Run time and peak memory"] = resources_table(benchmarks)
    return made


def summarise(read: Mapping[str, pd.DataFrame]) -> list[str]:
    """Write the key numbers as sentences; those of absent tables are left out.

    Parameters
    ----------
    read : mapping of str to pandas.DataFrame
        `ledger` and those of `leaks`, `losses`, `zeroshot`, `retrieval`, `predictions` that the run has.

    Returns
    -------
    list of str
    """
    kept, n = int(read["ledger"]["kept"].sum()), len(read["ledger"])
    text = [f"Of {n:,} input galaxies {kept:,} were kept ({kept / max(n, 1):.1%})."]
    if "leaks" in read and (read["leaks"]["outcome"] == "left_in").any():
        text.append("Some galaxies stand on both sides of a split: see the leak check among the tables.")
    found = []
    if "zeroshot" in read:
        for target, name in (("z", "redshift"), ("log_mstar", "stellar mass (log\u2081\u2080 M\u2609)")):
            scores = _scores(read["zeroshot"], target)
            if scores:
                found.append(f"Zero-shot R\u00b2 of the {name}, {PAIR}: {scores}.")
    if "retrieval" in read:
        found += _recall_sentence(read["retrieval"])
    if "predictions" in read:
        rows = read["predictions"]
        if "readout" in set(rows["protocol"]):
            rows = rows[rows["protocol"] == "readout"]  # what stands for itself, not the neighbours beside it
        rows = rows.query("target == 'z' and metric in ['nmad', 'outlier_fraction']")
        parts = [
            f"{r.query} {r.metric.replace('_', ' ')} {style.interval(r.value, r.low, r.high)} (n = {r.n:.0f})"
            for r in rows.itertuples()
        ]
        if parts:
            found.append(f"Redshifts of your own galaxies: {'; '.join(parts)}.")
    return [*text, *found, *(["Brackets hold 68 % intervals."] if found else [])]


def _scores(metrics: pd.DataFrame, target: str) -> str:
    rows = metrics[(metrics["target"] == target) & (metrics["metric"] == "r2")]
    parts = [
        f"{r.query}{ARROW}{r.reference} {style.interval(r.value, r.low, r.high)}" for r in rows.itertuples()
    ]
    return ", ".join(parts) + (f" (n = {rows['n'].max():,.0f})" if parts else "")


def _recall_sentence(metrics: pd.DataFrame) -> list[str]:
    found = metrics["metric"].str.extract(r"^recall@(\d+)$")[0].astype(float)
    if found.isna().all():
        return []
    k = int(found[found <= 10].max() if (found <= 10).any() else found.min())
    rows = metrics[found == k]
    chance = metrics.loc[metrics["metric"] == f"chance_recall@{k}", "value"]
    parts = [
        f"{r.query}{ARROW}{r.reference} {style.interval(r.value, r.low, r.high)}" for r in rows.itertuples()
    ]
    guess = f"; random guessing gives {chance.max():.3g}" if len(chance) else ""
    return [
        f"The counterpart in the other modality is among the {k} nearest of "
        f"{rows['n'].max():,.0f} for a share of {', '.join(parts)}{guess}."
    ]
