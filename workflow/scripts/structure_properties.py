"""Collect the properties that clusters are compared by, derived ones included."""

from stage import stage

from pathlib import Path

from galaxypair import io
from galaxypair.cluster_information import property_table


def structure_properties(*, properties: Path, values: Path, wanted: list[str] | None) -> None:
    io.write_table(property_table(io.read_table(properties), wanted), values)


if __name__ == "__main__":
    stage(structure_properties)
