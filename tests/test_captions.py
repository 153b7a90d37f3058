from pathlib import Path

import pytest
import yaml
from test_report import FIGURES

from galaxypair import captions, report
from galaxypair.figures import style

REPO = Path(__file__).resolve().parents[1]
TEMPLATES = REPO / "workflow" / "report"


@pytest.fixture(scope="module")
def settings():
    return yaml.safe_load((REPO / "config" / "config.yaml").read_text(encoding="utf-8"))


def test_captions_follow_the_settings(settings):
    template = "{{ snakemake.config.zeroshot.bootstrap }} resamplings of {{ snakemake.wildcards.property }}"
    changed = {**settings, "zeroshot": {**settings["zeroshot"], "bootstrap": 77}}
    assert captions.fill(template, changed, {"property": "z"}, "").startswith("77 resamplings of z")


def test_captions_cannot_bring_in_html_or_files(settings):
    template = "a <b>{{ snakemake.wildcards.property }}</b>\n\n"
    template += ".. include:: /etc/hostname\n\n.. raw:: html\n\n   <script>"
    text = captions.as_html(captions.fill(template, settings, {"property": "<i>z</i>"}, "<u>5</u> galaxies"))
    for tag in ("<script>", "<i>", "<b>", "<u>"):
        assert tag not in text
    assert "&lt;b&gt;" in text


def test_sample_of_a_figure_reaches_its_caption(tmp_path, settings):
    figure = style.new_figure(3, 2, "1,153 test galaxies \N{MIDDLE DOT} 2 of z")
    style.save(figure, tmp_path / "a.pdf", tmp_path / "a.png", dpi=50, mock=True)
    shown = captions.sample(tmp_path / "a.png")
    text = captions.as_text(captions.fill("What.", settings, {}, shown))
    assert text.splitlines()[0] == "What."
    assert "Shown: 1,153 test galaxies \N{MIDDLE DOT} 2 of z." in text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("simulate", "mock survey of 12,000 simulated galaxies"),
        ("ingest", "the catalogue my_galaxies/catalogue.csv"),
        ("download", "the joint file https://"),
        ("subset", "1 % of each group of the joint file"),
        ("hub", "the data set mhsotoudeh/astroclip-mini"),
        ("mmu", "(Multimodal Universe), matched within 1"),
        ("embeddings", "imported embeddings, my_embeddings.parquet"),
    ],
)
def test_captions_say_where_the_galaxies_come_from(settings, source, words):
    text = captions.as_text(captions.fill("What.", {**settings, "source": source}, {}, ""))
    assert words in text


@pytest.mark.parametrize(("name", "wildcards"), FIGURES.items())
def test_captions_are_latex_that_an_old_engine_reads(settings, name, wildcards):
    _, caption, _ = report.recognise(name)
    template = (TEMPLATES / f"{caption}.rst").read_text(encoding="utf-8")
    filled = captions.fill(template, settings, wildcards, "5 galaxies, \N{GREEK SMALL LETTER SIGMA} < 1")
    text = captions.latex_figure(Path("a_b.pdf"), filled)
    assert text.isascii()
    assert text.count("{") == text.count("}")
    assert "textquotedbl{" not in text
    assert "\\DU" not in text  # commands that docutils defines in a preamble of its own


def test_every_caption_is_among_those_tried():
    assert {report.recognise(name)[1] for name in FIGURES} == {path.stem for path in TEMPLATES.glob("*.rst")}


def test_what_settings_say_is_no_markup(settings):
    odd = {**settings, "source": "ingest", "ingest": {**settings["ingest"], "catalogue": "my_*_`cat`|a|.csv"}}
    assert "my_*_`cat`|a|.csv" in captions.as_text(captions.fill("What.", odd, {}, ""))
