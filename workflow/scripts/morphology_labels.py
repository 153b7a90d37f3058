"""Find what people say that the kept galaxies look like.

Writes the votes that count, and how many galaxies were lost at which step.
"""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.errors import ConfigError
from galaxypair.io.votes import read_votes
from galaxypair.morphology import Cuts, label


def morphology_labels(
    *, ledger: Path, provabgs: Path | None, made_votes: Path | None, own_votes: str | None,
    labels: Path, losses: Path, settings: dict,
) -> None:  # fmt: skip
    if not (made_votes or own_votes):
        raise ConfigError("There are no votes on morphology: name them in `morphology.votes`.")
    kept = io.read_table(ledger, columns=["targetid", "split", "kept"])
    places = io.read_positions(provabgs).drop_duplicates("targetid")
    found, lost = label(
        kept[kept["kept"]].merge(places, on="targetid", how="left"),
        read_votes(
            made_votes or Path(own_votes), kind=settings["fractions"], questions=settings["questions"]
        ),
        radius_arcsec=settings["match_radius_arcsec"],
        cuts=Cuts(**{name: settings[name] for name in Cuts.__dataclass_fields__}),
    )
    io.write_table(found, labels)
    io.write_table(lost, losses)


if __name__ == "__main__":
    stage(morphology_labels)
