"""Made results of a run, for the tests of figures and report."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from galaxypair import io, retrieval, tables


def make_results(folder: Path, n: int = 60, seed: int = 1, crop_px: int = 32) -> Path:
    """Write all tables and the gallery that figures and report read, as if a run had made them.

    Numbers are drawn, not computed; the tables fit together (`n` test galaxies, TARGETIDs 1 ... n).
    """
    rng = np.random.default_rng(seed)
    targetid = np.arange(1, n + 1)
    z = rng.uniform(0.05, 0.5, n)
    properties = pd.DataFrame({"targetid": targetid, "split": "test", "z": z, "matched": True})
    properties["log_mstar"] = np.where(targetid % 3, rng.uniform(9, 11.5, n), np.nan)
    io.write_table(properties, folder / "crossmatch/properties.parquet")
    _write_counts(folder, n)
    _write_history(folder)
    _write_metrics(folder, properties, rng)
    _write_structure(folder, targetid, rng)
    _write_ami(folder, properties, rng)
    _write_gallery(folder, z, rng, crop_px)
    return folder


def _write_counts(folder: Path, n: int) -> None:
    reasons = ["duplicate_targetid", "spectrum_all_zero", "z_out_of_range", "z_out_of_range"]
    kept = ["train"] * (3 * n) + ["val"] * (n // 2) + ["test"] * n
    total = len(kept) + len(reasons)
    ledger = pd.DataFrame({"row": np.arange(total), "kept": [True] * len(kept) + [False] * len(reasons)})
    ledger["reason"] = [""] * len(kept) + reasons
    ledger["split"] = [*kept, *[""] * len(reasons)]
    io.write_table(ledger, folder / "dataset/ledger.parquet")
    losses = pd.DataFrame(
        [("not in catalogue", "test", n, n // 3, n - n // 3)], columns=tables.LOSSES_COLUMNS
    )
    io.write_table(losses, folder / "crossmatch/losses.csv")


def _write_history(folder: Path) -> None:
    epoch = np.arange(1, 21)
    history = pd.DataFrame({"epoch": epoch, "train_loss": 5.5 * np.exp(-epoch / 12) + 0.6})
    history["val_loss"] = 5.5 * np.exp(-epoch / 10) + 1.2 + 0.002 * (epoch - 12) ** 2
    history["learning_rate"] = 1e-3 * (1 + np.cos(np.pi * epoch / 20))
    history["chance_loss"] = history["chance_val_loss"] = np.log(256)
    io.write_table(history[list(tables.HISTORY_COLUMNS)], folder / "model/history.csv")


def _write_metrics(folder: Path, properties: pd.DataFrame, rng: np.random.Generator) -> None:
    rows, predictions = [], []
    targetid = properties["targetid"].to_numpy()
    for reference in tables.MODALITIES:
        for query in tables.MODALITIES:
            for target, spread in (("z", 0.05), ("log_mstar", 0.3)):
                own = properties[["targetid", target]].dropna()
                guess = own[target] + spread * (1 + (query != reference)) * rng.normal(size=len(own))
                table = {"reference": reference, "query": query, "target": target}
                values = {"y_true": own[target], "y_pred": guess}
                predictions.append(pd.DataFrame({"targetid": own["targetid"], **table, **values}))
                for metric, value in (
                    ("r2", 0.7),
                    ("nmad", spread),
                    ("bias", 0.0),
                    ("outlier_fraction", 0.1),
                ):
                    head = ("train_to_test", reference, query, target, metric)
                    rows.append((*head, value, value - 0.02, value + 0.03, len(own)))
    io.write_table(pd.DataFrame(rows, columns=tables.METRIC_COLUMNS), folder / "metrics/zeroshot.csv")
    io.write_table(pd.concat(predictions), folder / "metrics/zeroshot_predictions.parquet")
    _write_retrieval(folder, targetid, rng)


def _write_retrieval(folder: Path, targetid: np.ndarray, rng: np.random.Generator) -> None:
    neighbours = []
    for query, reference in retrieval.PAIRS:
        for role, own in [*(("query", t) for t in targetid[:4]), ("single", targetid[4])]:
            others = rng.permutation(targetid[targetid != own])
            order = others[: 63 if role == "single" and query == reference == "image" else 8]
            order[1] = own if query != reference else order[1]
            ranks = np.arange(1, len(order) + 1)
            table = {"targetid": own, "reference": reference, "query": query, "rank": ranks}
            found = {"neighbour": order, "similarity": np.linspace(0.9, 0.6, len(order)), "role": role}
            neighbours.append(pd.DataFrame({**table, **found}))
    io.write_table(pd.concat(neighbours), folder / "metrics/retrieval_neighbours.parquet")
    rows = []
    for query, reference in retrieval.PAIRS:
        for target in ("z", "log_mstar"):
            head = ("test_split", reference, query, target)
            for rank in (1, 10, 30):
                close = ("close_fraction", 0.9 / rank**0.3)
                for metric, value in (("nmad", 0.05 * rank**0.3), close):
                    name = f"{metric}_rank_{rank}"
                    rows.append((*head, name, value, value * 0.9, value * 1.1, len(targetid)))
            rows.append((*head, "random_nmad", 0.15, 0.14, 0.16, len(targetid)))
            rows.append((*head, "random_close_fraction", 0.2, 0.19, 0.21, len(targetid)))
    io.write_table(pd.DataFrame(rows, columns=tables.METRIC_COLUMNS), folder / "metrics/agreement.csv")
    rows = []
    for reference, query in (("image", "spectrum"), ("spectrum", "image")):
        head = ("test_split", reference, query, "pair")
        for k, value in ((1, 0.04), (10, 0.22), (50, 0.6)):
            rows.append((*head, f"recall@{k}", value, value * 0.9, value * 1.1, len(targetid)))
            rows.append((*head, f"chance_recall@{k}", k / len(targetid), np.nan, np.nan, len(targetid)))
        rows.append((*head, "median_rank", 42.0, 38.0, 47.0, len(targetid)))
    io.write_table(pd.DataFrame(rows, columns=tables.METRIC_COLUMNS), folder / "metrics/retrieval.csv")


def _write_structure(folder: Path, targetid: np.ndarray, rng: np.random.Generator) -> None:
    for space in tables.SPACES:
        cluster = targetid % 4
        places = np.array([(0, 0), (6, 1), (1, 7), (7, 7)])[cluster] + rng.normal(size=(len(targetid), 2))
        table = pd.DataFrame({"targetid": targetid, "x": places[:, 0], "y": places[:, 1]})
        io.write_table(table, folder / f"projections/umap_{space}.parquet")
        told = []
        for method, labels in (
            ("kmeans", cluster),
            ("dbscan", np.where(targetid % 9, cluster, -1)),
            ("hdbscan", np.where(targetid % 5, cluster, -1)),
        ):
            table = pd.DataFrame({"targetid": targetid, "cluster": labels})
            io.write_table(table, folder / f"clusters/{method}_{space}.parquet")
            row = {"space": space, "method": method, "n": len(targetid), "clusters": 4}
            told.append(row | ({"eps": 0.31, "eps_rule": "quantile"} if method == "dbscan" else {}))
            _write_cluster_spectra(folder / f"clusters/median_spectra_{method}_{space}.h5", labels, rng)
        table = pd.DataFrame(told).reindex(columns=list(tables.CLUSTERING_COLUMNS))
        io.write_table(table, folder / f"metrics/clusterings_{space}.csv")
        plane = {"targetid": targetid} | {c: rng.normal(size=len(targetid)) for c in ("x", "y", "pc3", "pc4")}
        io.write_table(pd.DataFrame(plane), folder / f"projections/pca_{space}.parquet")
        shares = {"space": space, "component": range(1, 5), "explained_variance_ratio": [0.4, 0.2, 0.1, 0.05]}
        io.write_table(pd.DataFrame(shares), folder / f"metrics/pca_{space}.csv")
        k = np.arange(2, 11)
        table = pd.DataFrame(
            {"space": space, "k": k, "silhouette": 0.3 - 0.02 * (k - 3 - len(space) / 4) ** 2 / k}
        )
        table["inertia"], table["n"] = 900.0 / k ** (len(space) / 8), len(targetid)
        io.write_table(table, folder / f"metrics/kmeans_scan_{space}.csv")


def _write_cluster_spectra(path: Path, labels: np.ndarray, rng: np.random.Generator) -> None:
    names, sizes = np.unique(labels[labels >= 0], return_counts=True)
    rest = np.linspace(3000, 8000, 2501)
    median = 1 + rng.normal(0, 0.02, (len(names), len(rest))) + 2 * np.exp(-(((rest - 6564.6) / 10) ** 2))
    median[:, :200] = np.nan
    arrays = {"rest_wavelength": rest, "cluster": names, "size": sizes, "used": sizes}
    io.write_arrays(path, arrays | {"median": median, "low": median - 0.3, "high": median + 0.3})


def _write_ami(folder: Path, properties: pd.DataFrame, rng: np.random.Generator) -> None:
    rows = []
    for method in tables.CLUSTER_METHODS:
        for space in tables.SPACES:
            for target in ("z", "log_mstar", "log_ssfr", "g_r"):
                key, value = (method, space, space, target), rng.uniform(0, 0.4)
                rows.append((*key, "ami", value, value - 0.02, value + 0.02, len(properties)))
                rows.append((*key, "shuffled_ami", 0.0, -0.004, 0.004, len(properties)))
    io.write_table(pd.DataFrame(rows, columns=tables.METRIC_COLUMNS), folder / "metrics/ami.csv")
    values = properties[["targetid", "z", "log_mstar"]].assign(g_r=rng.normal(0.7, 0.2, len(properties)))
    io.write_table(values, folder / "clusters/properties.parquet")


def _write_gallery(folder: Path, z: np.ndarray, rng: np.random.Generator, crop_px: int) -> None:
    n = len(z)
    y, x = np.mgrid[:crop_px, :crop_px] - crop_px // 2
    blob = np.exp(-np.hypot(x, y) / 6.0)[..., None] * np.array([0.05, 0.1, 0.15])
    path = folder / "gallery/gallery.h5"
    with io.atomic_path(path) as part, h5py.File(part, "w") as file:
        file["targetid"], file["z"] = np.arange(1, n + 1), z.astype("f4")
        file["image"] = (blob + rng.normal(0, 0.003, (n, *blob.shape))).astype("f4")
        spectrum = rng.normal(2, 0.5, (n, tables.N_WAVELENGTH)).astype("f4")
        spectrum[:, 2000:2100] = 0
        file["spectrum"] = spectrum
    columns = list(tables.ROLE_COLUMNS)
    roles = [("example", -1, -1, -1, i, i + 1) for i in range(min(n, 8))]
    io.write_table(pd.DataFrame(roles, columns=columns), folder / "gallery/roles.parquet")
    members = [
        ("members", c, -1, -1, i, c + 4 * i + (4 if c == 0 else 0))
        for c in range(4)
        for i in range(min(8, n // 4 - 1))
    ]
    mosaic = [("mosaic", -1, i % 4, i // 4, i, i + 1) for i in range(min(n, 15))]
    # one file of pixels serves all figures
    io.write_table(pd.DataFrame(members, columns=columns), folder / "gallery/clusters.parquet")
    io.write_table(pd.DataFrame(mosaic, columns=columns), folder / "gallery/mosaic.parquet")
