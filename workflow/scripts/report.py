"""Write the report of a run: one HTML file with figures, tables and settings inside."""

from stage import stage

import json
from pathlib import Path

import yaml

from galaxypair import io, report_tables
from galaxypair import report as page


def report(
    *, figures: list[Path], captions: list[Path], ledger: Path, leaks: Path | None,
    zeroshot: Path | None, protocols: Path | None, compare: Path | None, retrieval: Path | None,
    losses: Path | None, predictions: Path | None, readout: Path | None, embeddings_source: Path | None,
    html: Path, settings_file: Path, settings: dict, defaults: Path, benchmarks: Path, model_config: Path,
) -> None:  # fmt: skip
    named = {
        "ledger": ledger, "leaks": leaks, "losses": losses, "zeroshot": zeroshot, "protocols": protocols,
        "compare": compare, "retrieval": retrieval, "predictions": predictions, "readout": readout,
    }  # fmt: skip
    read = {name: io.read_table(path) for name, path in named.items() if path}
    usual = defaults.exists() and yaml.safe_load(defaults.read_text(encoding="utf-8")) == settings
    needed = None if usual else settings_file
    entries = page.collect_figures(figures, captions[0].parent, settings, needed)
    shown, summary = report_tables.collect_tables(read, benchmarks), report_tables.summarise(read)
    command = page.redraw_command(html, needed)
    known = json.loads(model_config.read_text(encoding="utf-8")) if model_config.exists() else {}
    origin = json.loads(embeddings_source.read_text(encoding="utf-8")) if embeddings_source else None
    text = page.render(
        settings, entries, shown, summary, command, trained_on=known.get("source"), imported=origin
    )
    io.write_text(text, html)
    io.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), settings_file)


if __name__ == "__main__":
    stage(report)
