import pytest
from figure_checks import faults

from galaxypair.figures import style


def figure_with(draw):
    figure = style.new_figure(3, 2, "12 galaxies", fixed=True)
    axes = style.place(figure, 0.7, 0.1, 2, 1.5)
    axes.plot([0, 1], [0, 1])
    draw(figure, axes)
    return figure


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda figure, axes: axes.set_ylabel("far away", labelpad=40), "clipped"),
        (lambda figure, axes: axes.text(0.5, 0.5, "one") and axes.text(0.52, 0.5, "two"), "lies over"),
        (lambda figure, axes: figure.text(0.95, 0.5, "beyond the edge"), "clipped"),
        (lambda figure, axes: axes.lines[0].remove(), "empty"),
        (lambda figure, axes: axes.set_xticks([0.5, 0.51], ["left", "right"]), "lies over"),
    ],
)
def test_faults_of_figures_are_found(draw, said):
    figure = figure_with(draw)
    found = faults(figure)
    assert len(found) == 1
    assert said in found[0]
    if said == "empty":
        figure.axes[0].plot([0, 1])
    else:
        figure.clear()  # or the check of every drawn figure finds it again


def test_sound_figures_have_none():
    assert faults(figure_with(lambda figure, axes: axes.set_ylabel("y"))) == []
