"""The mock survey: galaxies drawn from physics, in the file layout of the real survey."""
