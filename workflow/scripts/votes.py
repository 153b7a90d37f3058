"""Have a published file of votes: the user's own, used in place, or fetched, as `download.py` does it."""

from stage import stage

from pathlib import Path

from galaxypair.fetch.download import provide


def votes(file: Path, record: Path, name: str, entry: dict, folder: Path) -> None:
    provide(name, entry, folder, file, record)


if __name__ == "__main__":
    stage(votes)
