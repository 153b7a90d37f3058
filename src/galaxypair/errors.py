"""The exceptions that a user can meet.

Each message says what is wrong, where, what was expected and found, and what to do. The frame of
the workflow's scripts prints the message alone and sends the traceback to the rule's log.
"""

import errno

DISK_FULL = (
    "the disk is full. Free some space (or use `--directory` with a larger disk), then run the same command "
    "again: it goes on from the last complete file."
)


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


def as_users_error(error: BaseException) -> GalaxypairError | None:
    """Tell whether an unforeseen error is one that a user can mend: a full disk, no memory, missing rights.

    Parameters
    ----------
    error : BaseException
        With the errors that led to it; libraries wrap those of the operating system.

    Returns
    -------
    GalaxypairError or None
    """
    link: BaseException | None = error
    seen: set[int] = set()  # chains of errors may be rings
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        number = getattr(link, "errno", None)
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(link):
            return DataError(DISK_FULL)
        if isinstance(link, MemoryError) or type(link).__name__ == "OutOfMemoryError":  # the latter torch's
            return DataError(
                f"not enough memory ({link}). Lower `train.batch_size` or `embed.batch_size`, run fewer "
                "jobs at a time (`--cores 1`), or take a larger machine."
            )
        if number in (errno.EACCES, errno.EROFS) and getattr(link, "filename", None):
            return DataError(f"`{link.filename}`: {link.strerror}. Change its rights or the folder.")
        link = link.__cause__ or link.__context__
    return None
