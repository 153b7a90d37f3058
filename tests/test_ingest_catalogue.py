from pathlib import Path

import numpy as np
import pytest
from own_files import write_rows

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.ingest.catalogue import find_file, make_targetid, provabgs_columns, read_catalogue
from galaxypair.ingest.rejection import Rejected

GOOD = {"id": "7", "ra": "150", "dec": "2", "image": "a.fits", "spectrum": ""}


def row(**changes):
    return {**GOOD, **changes}


def test_integer_ids_are_targetids_and_names_are_hashed_stably():
    assert make_targetid("39627000615066076") == 39627000615066076
    assert make_targetid("-5") == -5
    named = make_targetid("NGC 1234")
    assert named == make_targetid("NGC 1234") != make_targetid("NGC 1235")
    assert 0 <= named < 2**63
    assert make_targetid("007") != 7  # or it would collide with the galaxy 7
    assert 0 <= make_targetid(str(2**63)) < 2**63  # does not fit: hashed


def test_columns_in_any_case_and_properties_become_numbers(tmp_path):
    rows = [{"ID": "a", "RA": "1", "Dec": "2", "image": "a.fits", "SFR": "3.5", "class": "E", "Z": "n/a"}]
    frame = read_catalogue(write_rows(tmp_path / "c.csv", rows))
    assert frame.loc[0, ["ra", "dec", "sfr"]].tolist() == [1, 2, 3.5]
    assert frame["class"][0] == "E" and np.isnan(frame["z"][0]) and frame["spectrum"][0] == ""
    assert frame["reason"][0] == ""


def test_given_targetid_wins_over_the_id(tmp_path):
    frame = read_catalogue(write_rows(tmp_path / "c.csv", [row(id="x", targetid="42"), row(id="5")]))
    assert frame["targetid"].tolist() == [42, 5]
    assert frame["in_desi"].tolist() == [True, False]


@pytest.mark.parametrize(
    "changes, match",
    [
        ({"id": ""}, "no id"),
        ({"ra": "09:36:00"}, "ra is `09:36:00`, no number in degrees"),
        ({"ra": ""}, "ra, dec are nan"),
        ({"dec": "91"}, "ra, dec are 150.0, 91.0"),
        ({"z": "abc"}, "z is `abc`, no number"),
        ({"targetid": "3.9627e16"}, "targetid is `3.9627e16`, no whole number"),  # a rounded one
        ({"z": "inf"}, "z is `inf`"),
        ({"pixel_scale_arcsec": "-0.1"}, "must be above 0"),
        ({"spectrum_medium": "water"}, "write vacuum or air"),
        ({"image": ""}, "neither image nor spectrum"),
    ],
)
def test_bad_row_is_marked_and_the_others_live(tmp_path, changes, match):
    frame = read_catalogue(write_rows(tmp_path / "c.csv", [row(**changes), row(id="8")]))
    assert frame["reason"].tolist() == ["catalogue_row_invalid", ""]
    assert match in frame["detail"][0]


def test_later_duplicates_are_marked(tmp_path):
    rows = [row(), row(id="8"), row(), row(id="x", targetid="8")]
    frame = read_catalogue(write_rows(tmp_path / "c.csv", rows))
    assert frame["reason"].tolist() == ["", "", "duplicate_id", "duplicate_id"]
    assert "id 7 stands in an earlier row" in frame["detail"][2]
    assert "targetid 8 stands" in frame["detail"][3]


def test_a_duplicate_takes_nothing_from_later_rows(tmp_path):
    rows = [row(id="a"), row(id="a", targetid="9"), row(id="c", targetid="9")]
    frame = read_catalogue(write_rows(tmp_path / "c.csv", rows))
    assert frame["reason"].tolist() == ["", "duplicate_id", ""]


def test_first_good_row_of_an_id_counts_if_an_earlier_one_is_invalid(tmp_path):
    frame = read_catalogue(write_rows(tmp_path / "c.csv", [row(ra="x"), row()]))
    assert frame["reason"].tolist() == ["catalogue_row_invalid", ""]


@pytest.mark.parametrize(
    "text, match",
    [
        ("id,ra,image\n1,2,a\n", "lacks the column dec"),
        ("id,ra,dec\n1,2,3\n", "lacks the column image or spectrum"),
        ("id,ra,dec,image\n", "holds no galaxy"),
        ("", "holds no galaxy"),
        ("id;ra;dec;image\n7;150;2;a.fits\n", r"first line is `id;ra;dec;image`, expected names .* commas"),
        ("# mine\nid,ra,dec,image\n7,150,2,a.fits\n", "without lines above the names"),
        ("id,ra,dec,image,z,Z\n1,2,3,a,1,1\n", "column `z` stands twice"),
        ("id,ra,dec,image,reason\n1,2,3,a,b\n", "`reason` is written by the workflow"),
        ("id,ra,dec,image\n1,2,3,a\n1,2,3,a,5\n", "row 2 has 5 values, the header has 4"),
    ],
)
def test_catalogue_that_cannot_be_used_stops(tmp_path, text, match):
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(DataError, match=match):
        read_catalogue(tmp_path / "c.csv")


def test_missing_and_binary_catalogues_stop(tmp_path):
    with pytest.raises(DataError, match=r"no such catalogue. Set the key `ingest.catalogue`"):
        read_catalogue(tmp_path / "none.csv")
    (tmp_path / "c.csv").write_bytes(b"id,ra\n\xff\xfe\x00,3")
    with pytest.raises(DataError, match="Save it as CSV in UTF-8"):
        read_catalogue(tmp_path / "c.csv")


def test_excel_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    (tmp_path / "c.csv").write_bytes(b"\xef\xbb\xbfid,ra,dec,image\r\n1,2,3,a\r\n")
    assert read_catalogue(tmp_path / "c.csv")["id"].tolist() == ["1"]


@pytest.mark.parametrize("how", ["absolute", "dots", "link", "linked folder"])
def test_files_outside_the_folder_are_refused(tmp_path, how):
    home, outside = tmp_path / "home", tmp_path / "outside"
    home.mkdir()
    outside.mkdir()
    (outside / "a.fits").write_text("x")
    name = {
        "absolute": str(outside / "a.fits"),
        "dots": "../outside/a.fits",
        "link": "link.fits",
        "linked folder": "data/a.fits",
    }
    (home / "link.fits").symlink_to(outside / "a.fits")
    (home / "data").symlink_to(outside)
    with pytest.raises(Rejected, match="not inside the catalogue's folder") as caught:
        find_file(home, name[how])
    assert caught.value.reason == "file_outside_catalogue_folder"


def test_links_within_the_folder_and_a_linked_home_are_fine(tmp_path):
    (tmp_path / "home" / "sub").mkdir(parents=True)
    (tmp_path / "home" / "sub" / "a.fits").write_text("x")
    (tmp_path / "home" / "b.fits").symlink_to("sub/a.fits")
    (tmp_path / "alias").symlink_to(tmp_path / "home")
    for name in ("sub/a.fits", "b.fits", "sub/../sub/a.fits"):
        assert find_file(tmp_path / "alias", name).read_text() == "x"
    with pytest.raises(Rejected, match=r"none.fits: no such file"):
        find_file(tmp_path / "home", "none.fits")
    with pytest.raises(Rejected, match="sub: no such file"):
        find_file(tmp_path / "home", "sub")


@pytest.mark.parametrize("name", ["a\0.fits", "x" * 300 + ".fits", "circle/a.fits"])
def test_name_that_no_file_can_have_costs_one_galaxy(tmp_path, name):
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(Rejected, match=r"file_missing: '.*' cannot be a file's name"):
        find_file(tmp_path, name)


def test_provabgs_has_published_names_and_no_column_that_nobody_has(tmp_path):
    rows = [row(log_mstar="10.5", mag_g="", sfr="2", kind="E"), row(id="8", log_mstar="")]
    columns = provabgs_columns(read_catalogue(write_rows(tmp_path / "c.csv", rows)))
    assert set(columns) == {"TARGETID", "RA", "DEC", "Z_HP", "PROVABGS_LOGMSTAR_BF", "sfr"}
    assert np.array_equal(columns["PROVABGS_LOGMSTAR_BF"], [10.5, np.nan], equal_nan=True)


def test_reason_must_be_one_of_the_contract():
    with pytest.raises(ValueError, match="not among"):
        Rejected("because", "x")
    assert Rejected("file_missing", "x").reason in tables.REASONS


def test_every_reason_of_ingest_is_explained_in_the_guide():
    guide = (Path(__file__).parents[1] / "docs" / "own_galaxies.md").read_text(encoding="utf-8")
    first, after = map(tables.REASONS.index, ("catalogue_row_invalid", "targetid_missing"))
    ours = tables.REASONS[first:after]
    assert [r for r in ours if f"`{r}`" not in guide] == []
