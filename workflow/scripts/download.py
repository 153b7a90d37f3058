"""Have a published file: the user's own, used in place, or fetched into the folder that all runs share.

An interrupted fetch goes on where it ended when the same command is run again. Beside the file stands a
record of where it came from.
"""

from stage import stage

from pathlib import Path

from galaxypair.fetch.download import provide


def download(file: Path, record: Path, name: str, entry: dict, folder: Path) -> None:
    provide(name, entry, folder, file, record)


if __name__ == "__main__":
    stage(download)
