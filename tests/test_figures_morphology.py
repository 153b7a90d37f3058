"""Figures of morphology, with few and with many galaxies."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from galaxypair import tables
from galaxypair.errors import DataError
from galaxypair.figures import morphology, style


def made(n, questions=tables.GALAXY_ZOO, seed=1):
    """Scores, predictions and answers as a run would have made them of `n` test galaxies."""
    rng = np.random.default_rng(seed)
    scores, predictions, answers = [], [], []
    for question, names in questions.items():
        answers += [(question, name) for name in names]
        label = rng.choice(names, n, p=rng.dirichlet(np.ones(len(names))))
        for space in tables.SPACES:
            for protocol in (*morphology.PROTOCOLS, morphology.MAJORITY):
                value = rng.uniform(0.3, 1)
                for metric in morphology.MEASURES:
                    half = 0.5 / np.sqrt(n)
                    key = (protocol, space, space, question, metric)
                    scores.append((*key, value, value - half, value + half, n))
                guess = np.where(rng.random(n) < value, label, rng.choice(names, n))
                columns = (np.arange(n), protocol, space, question, label, guess)
                predictions.append(
                    pd.DataFrame(dict(zip(tables.MORPHOLOGY_PREDICTION_COLUMNS, columns, strict=True)))
                )
    return (
        pd.DataFrame(scores, columns=tables.METRIC_COLUMNS),
        pd.concat(predictions),
        pd.DataFrame(answers, columns=["question", "answer"]),
    )


@style.styled  # as when it is saved: ticks are made on drawing
def texts_inside(figure: Figure) -> None:
    """Nothing is cut at the edges or smaller than 6 pt."""
    for _ in range(2):
        figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    assert -0.02 <= box.x0 <= box.x1 <= width + 0.02
    assert -0.02 <= box.y0 <= box.y1 <= height + 0.02
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    assert min(t.get_fontsize() for t in texts) >= 6


@pytest.mark.parametrize("n", [64, 2000])
def test_figures_hold_all_their_text(n):
    scores, predictions, answers = made(n)
    texts_inside(morphology.overview(scores))
    for question in ("disk-edge-on", "spiral-arm-count", "merging"):
        figure = morphology.confusion(predictions, answers, question)
        texts_inside(figure)
        assert [len(a.images) for a in figure.axes[:3]] == [1, 1, 1]


def test_single_question_of_ten_classes_is_legible():
    scores, predictions, answers = made(500, {"galaxy10": tables.GALAXY10})
    texts_inside(morphology.overview(scores))
    texts_inside(morphology.confusion(predictions, answers, "galaxy10"))


def test_confusion_shows_shares_of_the_row():
    names = ("yes", "no", "never")
    label, guess = ["yes", "yes", "no", "yes"], ["yes", "no", "no", "yes"]
    columns = (np.arange(4), "morphology_mlp", "image", "bar", label, guess)
    rows = pd.DataFrame(dict(zip(tables.MORPHOLOGY_PREDICTION_COLUMNS, columns, strict=True)))
    answers = pd.DataFrame({"question": "bar", "answer": names})
    figure = morphology.confusion(rows, answers, "bar")
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(shown, [[2 / 3, 1 / 3], [0, 1]])
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["yes (3)", "no (1)"]
    assert "bar: 4 test galaxies" in {t.get_text() for t in figure.texts}


def test_question_without_predictions_says_so():
    _, predictions, answers = made(64)
    figure = morphology.confusion(predictions[predictions["question"] != "bar"], answers, "bar")
    assert any("enough votes" in t.get_text() for a in figure.axes for t in a.texts)


def test_questions_are_found_by_the_name_of_the_figure():
    known = tables.GALAXY_ZOO
    assert morphology.find_question("smooth_or_featured", known) == "smooth-or-featured"
    assert morphology.find_question("bar", known) == "bar"
    with pytest.raises(DataError, match=r"no question `arms` to draw. Known here: smooth_or_featured, "):
        morphology.find_question("arms", known)


def test_overview_marks_values_with_intervals():
    scores, _, _ = made(2000)
    figure = morphology.overview(scores)
    assert [a.get_xlabel() for a in figure.axes] == list(morphology.MEASURES.values())
    assert len(figure.axes[0].containers) == len(tables.SPACES) * len(morphology.PROTOCOLS)
    assert len(figure.axes[0].get_yticklabels()) == len(tables.GALAXY_ZOO)
    assert style.MODALITY_COLOURS["both"] in {c[0].get_color() for c in figure.axes[0].containers}
