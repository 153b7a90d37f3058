# The galaxies unlike all others, and suspected artefacts.
