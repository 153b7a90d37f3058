"""Simulate a galaxy survey from physics, in the layout of the published files.

Writes images, spectra and redshifts (`joint.h5`), a PROVABGS catalogue with fit errors
(`provabgs.hdf5`) and the exact parameters of every row (`truth.hdf5`).
"""

from stage import stage

from pathlib import Path

from galaxypair.mock.survey import SurveySettings, write_survey


def simulate(
    *, library: Path, joint: Path, provabgs: Path, truth: Path, settings: dict, threads: int
) -> None:
    chosen = SurveySettings(**{name: settings[name] for name in SurveySettings.__dataclass_fields__})
    write_survey(chosen, library, joint=joint, provabgs=provabgs, truth=truth, processes=threads)


if __name__ == "__main__":
    stage(simulate)
