"""The exceptions that a user can meet.

Each message says what is wrong, where, what was expected and found, and what to do. The frame of
the workflow's scripts prints the message alone and sends the traceback to the rule's log.
"""


class GalaxypairError(Exception):
    """Base of all errors that a user can cause and mend."""


class ConfigError(GalaxypairError):
    """The configuration cannot be used as it is."""


class DataError(GalaxypairError):
    """A file as a whole cannot be used (single bad galaxies go to the ledger instead)."""


class TooFewError(DataError):
    """There are not enough galaxies for one of several things that are measured."""


class WeightsError(GalaxypairError):
    """A model file does not hold what its configuration promises."""
