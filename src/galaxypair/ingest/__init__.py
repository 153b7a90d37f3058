"""The user's own galaxies: catalogue, cutouts and spectra into the survey layout."""
