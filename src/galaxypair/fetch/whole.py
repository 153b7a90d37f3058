"""Fetch one file: resumed after every interruption, verified, and never half there under its name."""

import json
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from galaxypair import io
from galaxypair.errors import DataError
from galaxypair.fetch.address import public
from galaxypair.fetch.http import DEFAULT_PATIENCE, InterruptedTransferError, Patience
from galaxypair.fetch.partial import Part, open_part
from galaxypair.fetch.transfer import ChangedFileError, Wanted, request
from galaxypair.runtime import readable_bytes

logger = logging.getLogger(__name__)

Check = Callable[[Path], object]


def record_path(target: Path) -> Path:
    """Name of the record that says where a file came from.

    Parameters
    ----------
    target : Path

    Returns
    -------
    Path
    """
    return target.with_name(f"{target.name}.source.json")


def fetch(
    wanted: Wanted, target: Path, check: Check | None = None, patience: Patience = DEFAULT_PATIENCE
) -> dict:
    """Have a file in its place: use it if it is there, else fetch what is missing of it.

    Parameters
    ----------
    wanted : Wanted
    target : Path
        Never overwritten. Until the file is complete and verified it is called `{target}.part`, with
        what the server said in `{target}.part.json`.
    check : callable, optional
        Raises a DataError for a file of the wrong layout.
    patience : Patience, optional

    Returns
    -------
    dict
        Record: url, address (after redirects), bytes, sha256, etag, last_modified, fetched (UTC). That of a
        file that the user had put there holds path, bytes and sha256 (null unless the config gives one).

    Raises
    ------
    DataError
        If the file cannot be had or is not the wanted one; a part that is there is kept.
    """
    if target.exists():
        return _use(wanted, target, check)
    with open_part(target.with_name(f"{target.name}.part")) as part:
        if target.exists():  # another process was faster
            return _use(wanted, target, check)
        _complete(part, wanted, patience)
        part.sync()
        remedy = f"Remove `{part.path}` to fetch it again."
        sha256 = verify(part.path, wanted, check, remedy, hash_always=True)
        if target.exists():  # the user has put it there meanwhile
            return _use(wanted, target, check)
        told = {name: part.told.get(name) for name in ("url", "address", "bytes", "etag", "last_modified")}
        record = {**told, "sha256": sha256, "fetched": datetime.now(UTC).isoformat(timespec="seconds")}
        write_record(record, record_path(target))
        os.replace(part.path, target)
        part.notes.unlink()
    logger.info("`%s`: %s, sha256 %s", target, readable_bytes(record["bytes"]), sha256)
    return record


def write_record(record: dict, path: Path) -> None:
    """Write where a file came from.

    Parameters
    ----------
    record : dict
    path : Path
    """
    io.write_text(json.dumps(record, indent=1) + "\n", path)


def verify(
    path: Path, wanted: Wanted, check: Check | None, remedy: str, *, hash_always: bool = False
) -> str | None:
    """Compare a file with what the config says about it.

    Parameters
    ----------
    path : Path
    wanted : Wanted
    check : callable or None
        Of its layout.
    remedy : str
        What to do with a wrong file.
    hash_always : bool, default=False
        Read all of it even if the config gives no checksum.

    Returns
    -------
    str or None
        Its sha256, if it was read.

    Raises
    ------
    DataError
        If size, first bytes, checksum or layout are wrong.
    """
    size = path.stat().st_size
    if wanted.bytes not in (None, size):
        raise DataError(
            f"`{path}`: has {size:,} bytes, `{wanted.key}.bytes` says {wanted.bytes:,}. {remedy} If the "
            "number is wrong, correct it in the config (or set it to null)."
        )
    with path.open("rb") as file:
        head = file.read(8)
    if wanted.magic and not any(head.startswith(magic) for magic in wanted.magic):
        raise DataError(f"`{path}`: starts with {head!r}, so it is another kind of file. {remedy}")
    sha256 = io.sha256(path) if hash_always or wanted.sha256 else None
    if wanted.sha256 and not sha256.startswith(wanted.sha256.lower()):
        raise DataError(
            f"`{path}`: its sha256 is {sha256}, `{wanted.key}.sha256` says {wanted.sha256}. {remedy} If you "
            "trust this file, correct the checksum in the config (or set it to null)."
        )
    if check:
        try:
            check(path)
        except DataError as err:
            raise DataError(f"{err} {remedy}") from err
    return sha256


def _use(wanted: Wanted, target: Path, check: Check | None) -> dict:
    """Use a file that is there already: one that was fetched, or the user's."""
    try:
        record = json.loads(record_path(target).read_text(encoding="utf-8"))
        url, sha256, date = (record[name] for name in ("url", "sha256", "fetched"))
    except (OSError, ValueError, KeyError):
        remedy = "It was not fetched by this workflow, so it is left alone: move it away to have it fetched."
        sha256 = verify(target, wanted, check, remedy)
        logger.info("`%s`: is there already; used as it is", target)
        return {"path": str(target), "bytes": target.stat().st_size, "sha256": sha256}
    expected = {
        "bytes": (target.stat().st_size, wanted.bytes or record["bytes"]),
        "url": (url, public(wanted.url)),
        "sha256": (sha256[: len(wanted.sha256 or "")], (wanted.sha256 or "").lower()),
    }
    wrong = [f"{name} {has} instead of {should}" for name, (has, should) in expected.items() if has != should]
    if wrong:
        raise DataError(
            f"`{target}`: was fetched on {date}, but has {', '.join(wrong)}. Move it away to have it fetched "
            f"again, name it in `{wanted.key}.path` to use it, or correct `{wanted.key}` in the config."
        )
    logger.info("`%s`: fetched on %s; used as it is", target, date)
    return record


def _complete(part: Part, wanted: Wanted, patience: Patience) -> None:
    """Request until all is there, or `patience.tries` requests in a row have brought nothing more."""
    if part.size and part.told.get("url") != public(wanted.url):
        logger.warning("`%s`: starting anew, it is a part of another address's file", part.path)
        part.clear()
    most, failures = part.size, 0
    while not part.is_complete():
        try:
            request(part, wanted, patience)
            continue
        except ChangedFileError as err:
            logger.warning("`%s`: starting anew, %s", part.path, err)
            reason, asked_s = str(err), 0.0
            part.clear()
        except InterruptedTransferError as err:
            reason, asked_s = str(err), err.wait_s
        failures = failures + 1 if part.size <= most else 1
        most = max(most, part.size)
        if failures >= patience.tries:
            kept = f"{readable_bytes(part.size)} are kept in `{part.path}`: run" if part.size else "Run"
            onward = ", it goes on from there" if part.size else " later"
            raise DataError(
                f"`{public(wanted.url)}`: {reason}, {failures} times in a row. {kept} the same command again"
                f"{onward}. If that does not help: {wanted.remedy[0].lower()}{wanted.remedy[1:]}"
            )
        wait_s = patience.wait_s(failures, asked_s)
        at = readable_bytes(part.size)
        logger.warning("`%s`: %s at %s; trying again in %.0f s", part.path, reason, at, wait_s)
        time.sleep(wait_s)
