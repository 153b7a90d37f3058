import numpy as np
import pytest
from astropy.io import fits
from own_files import DEC, RA, make_header, make_planes, write_cube
from PIL import Image

from galaxypair.ingest.cutouts import read_cutout, to_stamp
from galaxypair.ingest.rejection import Rejected


def stamp_of(path, *, ra=RA, dec=DEC, pixel_scale=None):
    return to_stamp(read_cutout(path, ra=ra, dec=dec, pixel_scale=pixel_scale))


def rejected(path, reason, match, **kwargs):
    with pytest.raises(Rejected, match=match) as caught:
        stamp_of(path, **kwargs)
    assert caught.value.reason == reason


def moments(stamp, band=1):
    """Flux, centre and rms size of a stamp's galaxy, axes x, y."""
    x, y = np.mgrid[:152, :152]
    flux = stamp[..., band].astype(float)
    total = flux.sum()
    cx, cy = (flux * x).sum() / total, (flux * y).sum() / total
    return total, cx, cy, np.sqrt((flux * (x - cx) ** 2).sum() / total)


def test_native_cutout_is_cropped_without_touching_a_pixel(tmp_path):
    planes = np.random.default_rng(3).normal(1, 0.1, (3, 201, 201)).astype("f4")
    stamp = stamp_of(write_cube(tmp_path / "a.fits", planes))
    # axes x, y, band; the target, pixel 100 of the file, is on pixel 76
    assert np.array_equal(stamp, planes[:, 24:176, 24:176].T)


@pytest.mark.parametrize("scale", [0.1, 0.2, 0.396, 0.524])
def test_total_flux_position_and_size_survive_any_plate_scale(tmp_path, scale):
    size = int(45 / scale)
    planes = make_planes(size, 1.5 / scale)  # sigma 1.5 arcsec
    total, x, y, rms = moments(stamp_of(write_cube(tmp_path / "a.fits", planes, scale)))
    assert total == pytest.approx(2, rel=1e-3)
    assert (x, y) == pytest.approx((76, 76), abs=0.02)
    assert rms * 0.262 == pytest.approx(1.5, rel=0.02)


def test_viewer_cutouts_keep_their_surface_brightness(tmp_path):
    """The Legacy Survey viewer does not rescale flux: the same galaxy at 0.1 arcsec sums to 6.9 times it."""
    viewer = {"survey": "DECaLS", "version": "DR9", "imagetyp": "image", "imagew": 1.0, "imageh": 1.0}
    planes = make_planes(450, 15) * (0.262 / 0.1) ** 2
    total, *_ = moments(stamp_of(write_cube(tmp_path / "a.fits", planes, 0.1, **viewer)))
    assert total == pytest.approx(2, rel=1e-3)


def test_target_off_the_frames_centre_is_moved_to_the_stamps(tmp_path):
    planes = make_planes(300, 8, centre=(180.0, 120.0))
    path = write_cube(tmp_path / "a.fits", planes)
    step = 0.262 / 3600
    ra, dec = RA - 30.5 * step / np.cos(np.deg2rad(DEC)), DEC - 29.5 * step
    _, x, y, _ = moments(stamp_of(path, ra=ra, dec=dec))
    assert (x, y) == pytest.approx((76, 76), abs=0.6)


def test_target_outside_the_frame_is_rejected(tmp_path):
    path = write_cube(tmp_path / "a.fits", make_planes())
    rejected(path, "target_outside_image", "fall on pixel", ra=RA + 0.1)


def test_rotated_frame_has_its_own_plate_scale(tmp_path):
    planes = make_planes(300, 10)
    fits.PrimaryHDU(planes, make_header(300, 0.2, rotation_deg=30)).writeto(tmp_path / "a.fits")
    total, *_, rms = moments(stamp_of(tmp_path / "a.fits"))
    assert total == pytest.approx(2, rel=1e-3)
    assert rms * 0.262 == pytest.approx(2.0, rel=0.02)


def test_area_without_data_is_exactly_zero(tmp_path):
    planes = make_planes(120, 8) + 1
    planes[0, 50:60, 50:60] = np.nan
    planes[1, 70:80, 70:80] = 0
    stamp = stamp_of(write_cube(tmp_path / "a.fits", planes))
    assert np.isfinite(stamp).all()
    assert (stamp[:15] == 0).all() and (stamp[-15:] == 0).all()  # beyond the frame
    assert (stamp[..., 0] == 0).sum() == (stamp[..., 2] == 0).sum() + 100
    assert (stamp[..., 1] == 0).sum() == (stamp[..., 2] == 0).sum() + 100


def test_area_without_data_does_not_dim_its_neighbours(tmp_path):
    planes = np.ones((3, 400, 400))
    planes[:, 150:251, 150:251] = 0
    stamp = stamp_of(write_cube(tmp_path / "a.fits", planes, 0.1))
    full = (0.262 / 0.1) ** 2
    assert np.all(np.isclose(stamp, 0, atol=0) | np.isclose(stamp, full, rtol=0.25))
    assert (stamp[60:92, 60:92] == 0).all() and np.isclose(stamp, full, rtol=1e-5).mean() > 0.9


def test_scale_comes_from_header_or_argument_if_there_are_no_coordinates(tmp_path):
    planes = make_planes(400, 15)
    with_card = stamp_of(write_cube(tmp_path / "a.fits", planes, None, pixscale=0.1))
    assert np.allclose(with_card, stamp_of(write_cube(tmp_path / "b.fits", planes, None), pixel_scale=0.1))
    rejected(tmp_path / "b.fits", "pixel_scale_unknown", "add the column `pixel_scale_arcsec`")


def test_four_bands_are_told_apart_by_their_names(tmp_path):
    planes = make_planes()
    four = np.stack([planes[0], planes[1], planes[1] * 9, planes[2]])
    stamp = stamp_of(write_cube(tmp_path / "a.fits", four, bands="griz"))
    assert np.array_equal(stamp, stamp_of(write_cube(tmp_path / "b.fits", planes)))
    rejected(write_cube(tmp_path / "c.fits", four), "image_bands_missing", "4 planes, BANDS = `absent`")
    rejected(
        write_cube(tmp_path / "d.fits", planes, bands="gri"), "image_bands_missing", "needs bands g, r, z"
    )


def test_bands_in_separate_hdus_with_weights(tmp_path):
    planes = make_planes() + 1
    hdus = [fits.PrimaryHDU()]
    for band, plane in zip("zrg", planes[::-1], strict=True):
        header = make_header(200, 0.262)
        header["BAND"] = band
        weight = np.ones(plane.shape)
        weight[:, :60] = 0
        hdus.append(fits.ImageHDU(plane, header))
        hdus.append(fits.ImageHDU(weight, fits.Header({"BAND": band, "IMAGETYP": "invvar"})))
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    stamp = stamp_of(tmp_path / "a.fits")
    whole = stamp_of(write_cube(tmp_path / "b.fits", planes))
    assert (stamp[:30] == 0).all()
    assert np.allclose(stamp[40:], whole[40:])


def test_one_band_too_few_is_rejected(tmp_path):
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(np.ones((99, 99)), name=b) for b in "gr")]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    rejected(tmp_path / "a.fits", "image_bands_missing", "found g, r")


@pytest.mark.parametrize("size, scale", [(60, 0.262), (200, 0.1)])
def test_field_smaller_than_the_encoders_is_rejected(tmp_path, size, scale):
    path = write_cube(tmp_path / "a.fits", make_planes(size), scale)
    rejected(path, "image_too_small", "25.2 are needed")


def test_other_units_are_rejected(tmp_path):
    rejected(write_cube(tmp_path / "a.fits", make_planes(), bunit="adu"), "units_unknown", "BUNIT is `adu`")
    assert stamp_of(write_cube(tmp_path / "b.fits", make_planes(), bunit="nanomaggy")).any()


def test_image_of_nothing_but_nan_is_rejected(tmp_path):
    path = write_cube(tmp_path / "a.fits", np.full((3, 200, 200), np.nan))
    rejected(path, "image_not_finite", "no finite pixel")


def test_truncated_and_foreign_files_are_rejected(tmp_path):
    path = write_cube(tmp_path / "a.fits", make_planes())
    path.write_bytes(path.read_bytes()[:20000])
    rejected(path, "file_unreadable", "a.fits cannot be read")
    (tmp_path / "b.fits").write_text("not a FITS file")
    rejected(tmp_path / "b.fits", "file_unreadable", "b.fits cannot be read")
    (tmp_path / "c.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    rejected(tmp_path / "c.jpg", "file_unreadable", "c.jpg cannot be read", pixel_scale=0.262)
    rejected(tmp_path / "d.tiff", "file_unreadable", "images are read from")


def test_picture_is_turned_the_way_of_fits_and_marked_approximate(tmp_path):
    shown = np.full((200, 200, 3), 32, np.uint8)
    shown[20:40, 150:170] = (40, 80, 160)  # upper right, blue
    Image.fromarray(shown).save(tmp_path / "a.png")
    cutout = read_cutout(tmp_path / "a.png", ra=RA, dec=DEC, pixel_scale=0.262)
    assert cutout.approximate
    stamp = to_stamp(cutout)
    x, y = np.unravel_index(stamp[..., 0].argmax(), (152, 152))
    assert x > 100 and y > 100  # right and up: y counts from below
    assert stamp[x, y, 0] > stamp[x, y, 2]
    rejected(tmp_path / "a.png", "pixel_scale_unknown", "does not tell its plate scale")
    Image.fromarray(shown[..., 0]).save(tmp_path / "grey.png")
    rejected(tmp_path / "grey.png", "image_bands_missing", "found mode L", pixel_scale=0.262)
