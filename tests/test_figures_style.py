import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.text import Text

from galaxypair.errors import DataError
from galaxypair.figures import style


@style.styled
def a_figure():
    figure = style.new_figure(3, 2, "12 galaxies")
    figure.subplots().plot([1, 2], [1, 3], rasterized=True)
    return figure


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text)]


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        style.save(a_figure(), tmp_path / f"{name}.pdf", tmp_path / f"{name}.png", dpi=100, mock=False)
    for end in ("pdf", "png"):
        assert (tmp_path / f"a.{end}").read_bytes() == (tmp_path / f"b.{end}").read_bytes()


@pytest.mark.parametrize("mock", [True, False])
def test_mock_surveys_are_marked_and_real_ones_are_not(tmp_path, mock):
    figure = a_figure()
    style.save(figure, tmp_path / "a.pdf", tmp_path / "a.png", dpi=50, mock=mock)
    assert ("MOCK SURVEY" in texts(figure)) is mock


def test_drawing_leaves_the_global_style_alone():
    before = mpl.rcParams["font.size"]
    a_figure()
    assert mpl.rcParams["font.size"] == before


def test_column_takes_names_of_figures_and_of_columns():
    assert style.column("redshift", []) == "z"
    assert style.column("stellar_mass", []) == "log_mstar"
    assert style.column("halo_mass", ["halo_mass"]) == "halo_mass"


def test_column_refuses_what_no_table_has():
    with pytest.raises(DataError, match=r"no property `colour` to draw\. Known here: redshift"):
        style.column("colour", ["halo_mass"])


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.638, 0.62, 0.66, "0.64 [0.62, 0.66]"),
        (-0.05, -0.21, 0.1, "\N{MINUS SIGN}0.05 [\N{MINUS SIGN}0.21, 0.10]"),
        (0.01864, 0.01808, 0.0192, "0.0186 [0.0181, 0.0192]"),
        (0.5, np.nan, np.nan, "0.500"),
        (1, 1, 1, "1.000"),
        (-0.001, -0.01, 0.02, "0.00 [\N{MINUS SIGN}0.01, 0.02]"),
        (np.nan, 0, 1, "undefined"),
    ],
)
def test_interval_shows_the_digits_that_it_allows(value, low, high, text):
    assert style.interval(value, low, high) == text


def test_count_speaks_of_one_galaxy():
    assert style.count(1, "test galaxies") == "1 test galaxy"
    assert style.count(1153) == "1,153 galaxies"


def test_empty_says_why():
    assert any("none has a mass" in t for t in texts(style.empty("none has a mass")))
