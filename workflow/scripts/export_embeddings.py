"""Export the embeddings as a folder that the `datasets` library loads, with a data card."""

from stage import stage

from pathlib import Path

from galaxypair import export, io


def export_embeddings(embeddings: list[Path], ledger: Path, folder: Path, settings: dict) -> None:
    kept = io.read_table(ledger, columns=["targetid", "z", "kept"])
    splits, dim = {}, 0
    for path in embeddings:
        rows, dim = io.embeddings_shape(path)
        splits[path.stem] = (rows, export.iter_embeddings(path, kept))
    export.export(folder, splits, export.embedding_features(dim), settings)


if __name__ == "__main__":
    stage(export_embeddings)
