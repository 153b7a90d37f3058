"""Draw how many planted artefacts the first galaxies of each list hold; of a mock survey alone."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.figures import anomalies, style


def figure_anomaly_recall(*, metrics: Path, pdf: Path, png: Path, dpi: int, mock: bool) -> None:
    style.save(anomalies.recall(io.read_table(metrics)), pdf, png, dpi=dpi, mock=mock)


if __name__ == "__main__":
    stage(figure_anomaly_recall)
