"""How much a user's file may unpack to: a few kilobytes can be made to fill the memory."""

import math
from pathlib import Path

from astropy.io import fits
from astropy.utils.data import get_readable_fileobj
from PIL import Image

from galaxypair.ingest.rejection import Rejected

MAX_PIXELS = 5000 * 5000  # of a picture, and of one part of a FITS file with images
MAX_BYTES = 2**30  # of one part of a FITS file with spectra: DESI's hold thousands
MAX_TEXT_BYTES = 100 * 2**20  # unpacked
_BLOCK = 2**20
_CUT_OUT = f"at most {MAX_PIXELS:,} are read; cut out the galaxy"
_NEVER_READ = "RESOLUTION"  # the largest part of DESI's files, in their names


def check_picture(path: Path, picture: Image.Image) -> None:
    """Refuse a picture that would take too much memory; only its header has been read.

    Parameters
    ----------
    path : Path
    picture : PIL.Image.Image

    Raises
    ------
    Rejected
    """
    pixels = picture.width * picture.height
    if pixels > MAX_PIXELS:
        raise Rejected("file_unreadable", f"{path.name}: {pixels:,} pixels, {_CUT_OUT}.")


def check_images(path: Path, hdus: fits.HDUList) -> None:
    """Refuse a FITS file of which an image would take too much memory, by its headers alone.

    Parameters
    ----------
    path : Path
    hdus : astropy.io.fits.HDUList

    Raises
    ------
    Rejected
    """
    for hdu in hdus:
        pixels = math.prod(hdu.shape) if hdu.is_image and hdu.shape else 0
        if pixels > MAX_PIXELS:
            raise Rejected("file_unreadable", f"{path.name}: {pixels:,} pixels in one part, {_CUT_OUT}.")


def check_spectra(path: Path, hdus: fits.HDUList) -> None:
    """Refuse a FITS file of spectra of which one part would take too much memory, by its headers alone.

    Parameters
    ----------
    path : Path
    hdus : astropy.io.fits.HDUList

    Raises
    ------
    Rejected
    """
    for hdu in hdus:
        if hdu.size > MAX_BYTES and _NEVER_READ not in hdu.name:
            raise Rejected(
                "file_unreadable",
                f"{path.name}: {hdu.size:,} bytes in one part, at most {MAX_BYTES:,} are read; write the "
                "spectrum of this galaxy alone.",
            )


def check_text(path: Path) -> None:
    """Refuse a text, packed or not, that is too long to be a spectrum.

    Parameters
    ----------
    path : Path

    Raises
    ------
    Rejected
    """
    size = 0
    with get_readable_fileobj(path, encoding="binary") as file:
        while block := file.read(_BLOCK):
            size += len(block)
            if size > MAX_TEXT_BYTES:
                raise Rejected(
                    "file_unreadable",
                    f"{path.name}: more than {MAX_TEXT_BYTES:,} bytes of text (unpacked); is it a spectrum?",
                )
