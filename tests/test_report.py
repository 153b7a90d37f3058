import base64
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from factories_results import make_results

from galaxypair import captions, compare, io, report, report_tables
from galaxypair import tables as contract

REPO = Path(__file__).resolve().parents[1]
CAPTIONS = REPO / "workflow" / "report"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WILDCARDS = {
    "property": "redshift", "query": "image", "reference": "spectrum", "modality": "image", "space": "image",
    "method": "dbscan", "projection": "umap", "which": "photometry", "question": "bar", "number": "12",
}  # fmt: skip
PATTERNS = [pattern for section in report.SECTIONS.values() for pattern in section]
FIGURES = {  # a name of each figure, with its wildcards
    pattern.format(**WILDCARDS): {name: WILDCARDS[name] for name in re.findall(r"{(\w+)}", pattern)}
    for pattern in PATTERNS
} | {"zeroshot_stellar_mass": {"property": "stellar_mass"}, "clusters_kmeans": {"method": "kmeans"}}


@pytest.fixture(scope="module")
def settings():
    return yaml.safe_load((REPO / "config" / "config.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def tables(tmp_path):
    run = make_results(tmp_path, n=20)
    paths = {
        "ledger": "dataset/ledger.parquet",
        "losses": "crossmatch/losses.csv",
        "zeroshot": "metrics/zeroshot.csv",
        "retrieval": "metrics/retrieval.csv",
    }
    return {name: io.read_table(run / path) for name, path in paths.items()}


def pngs(folder, names):
    paths = [folder / f"{name}.png" for name in names]
    for path in paths:
        path.write_bytes(PNG)
    return paths


def page(tmp_path, settings, tables, names=("umap_redshift", "ledger"), settings_file=None):
    entries = report.collect_figures(pngs(tmp_path, names), CAPTIONS, settings, settings_file)
    shown = report_tables.collect_tables(tables, tmp_path)
    summary = report_tables.summarise(tables)
    return report.render(settings, entries, shown, summary, "snakemake results/demo/report.html")


# --- figures and captions ------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "wildcards"), FIGURES.items())
def test_names_tell_the_wildcards_of_the_rules(name, wildcards):
    _, caption, found = report.recognise(name)
    assert found == wildcards
    assert (CAPTIONS / f"{caption}.rst").exists()


def test_unknown_figures_are_refused():
    with pytest.raises(ValueError, match="no section of the report holds a figure named `pie_chart`"):
        report.recognise("pie_chart")


def test_every_figure_rule_has_its_caption_script_and_section():
    files = sorted((REPO / "workflow" / "rules").glob("*.smk"))
    rules = "\n".join(path.read_text(encoding="utf-8") for path in files)
    found = dict(
        re.findall(
            r'png=report\(\s+"results/{run}/figures/(\S+)\.png",\s+caption="\.\./report/(\w+)\.rst"', rules
        )
    )
    patterns = {pattern for section in report.SECTIONS.values() for pattern in section}
    assert set(found) == patterns
    for pattern, caption in found.items():
        assert caption == re.sub(r"_\{\w+\}", "", pattern)
        assert (CAPTIONS / f"{caption}.rst").exists()
        assert (REPO / "workflow" / "scripts" / f"figure_{caption}.py").exists()
    assert {path.stem for path in CAPTIONS.glob("*.rst")} == set(found.values())


@pytest.mark.parametrize(("name", "wildcards"), FIGURES.items())
def test_captions_are_filled_from_config_and_wildcards(settings, name, wildcards):
    _, caption, _ = report.recognise(name)
    template = (CAPTIONS / f"{caption}.rst").read_text(encoding="utf-8")
    filled = captions.fill(template, settings, wildcards, "12 test galaxies")
    for text in (captions.as_html(filled), captions.as_latex(filled), captions.as_text(filled)):
        assert "{{" not in text
        assert "system-message" not in text
        assert "12 test galaxies" in text
        assert "12,000 simulated galaxies (seed 1)" in text
    assert str(captions.as_html(filled)).startswith("<p>")


def test_captions_say_which_k_was_used(settings):
    template = (CAPTIONS / "zeroshot.rst").read_text(encoding="utf-8")
    for k, words in (
        (77, ["the 77 galaxies of the train split"]),
        ([9, 5], ["the k galaxies of the train split", "of k = 5, 9 the one"]),
    ):
        changed = {**settings, "zeroshot": {**settings["zeroshot"], "k": k}}
        text = captions.fill(template, changed, {"property": "redshift"}, "")
        assert all(word in text for word in words)


# --- the page ------------------------------------------------------------------------------------


def test_page_fetches_nothing_from_elsewhere(tmp_path, settings, tables):
    html = page(tmp_path, settings, tables)
    sources = re.findall(r'(?:src|srcset|data|poster)="([^"]+)"', html)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"<link|<script|@import|url\(", html)


def test_page_shows_no_credentials(tmp_path, settings, tables):
    joint = {"url": "https://user:hunter2@host/a.h5?token=hunter2"}
    html = page(tmp_path, {**settings, "ours": [joint]}, tables)
    assert "https://host/a.h5" in html and "hunter2" not in html


def test_page_links_lead_to_places_that_exist(tmp_path, settings, tables):
    html = page(tmp_path, settings, tables, FIGURES)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("download", "Survey: the joint file https://host/a.h5."),
        ("subset", "Survey: 5 % of each group of the joint file https://host/a.h5."),
        ("hub", "Survey: the data set owner/name, revision v2, the first 1,000 galaxies of each split."),
        ("mmu", "Survey: images of a and spectra of b (Multimodal Universe), matched within 0.5″."),
        ("simulate", None),
        ("ingest", None),
    ],
)
def test_page_says_where_a_published_survey_comes_from(tmp_path, settings, tables, source, words):
    joint = {"url": "https://user:hunter2@host/a.h5?token=hunter2", "path": None}
    settings = {
        **settings,
        "source": source,
        "download": {"files": {**settings["download"]["files"], "joint": joint}},
        "subset": {"fraction": 0.05},
        "hub": {"dataset": "owner/name", "revision": "v2", "max_galaxies": 1000},
        "mmu": {"images": "a", "spectra": "b", "match_radius_arcsec": 0.5},
    }
    html = page(tmp_path, settings, tables)
    assert "hunter2" not in html
    assert words in html if words else "Survey: " not in html


def test_page_warns_of_a_mock_survey_only(tmp_path, settings, tables):
    assert "Mock survey:" in page(tmp_path, settings, tables)
    assert "Mock survey:" not in page(tmp_path, {**settings, "source": "download"}, tables)


def test_page_names_the_published_checkpoint_that_embedded(settings):
    own = {**settings, "model": {**settings["model"], "from_checkpoint": "rep <1>.ckpt"}}
    told = report.render(own, [], {}, [], "snakemake")
    assert "published model, the checkpoint “rep &lt;1&gt;.ckpt”" in told
    assert "published model" not in report.render(settings, [], {}, [], "snakemake")


def test_page_says_when_the_borrowed_model_was_trained_on_a_mock_survey(settings):
    own = {**settings, "source": "ingest", "model": {**settings["model"], "from_run": "demo"}}
    told = report.render(own, [], {}, [], "snakemake", trained_on="simulate")
    assert "which was trained on simulated galaxies" in told
    assert "simulated galaxies" not in report.render(own, [], {}, [], "snakemake")
    own["model"]["from_run"] = "starter"
    told = report.render(own, [], {}, [], "snakemake")
    assert "starter model" in told and "its own report" not in told


def test_page_orders_figures_by_section(tmp_path, settings, tables):
    names = ("clusters_dbscan", "umap_redshift", "ledger", "retrieval_recall")
    found = re.findall(r'<figure id="([^"]+)"', page(tmp_path, settings, tables, names))
    assert found == ["ledger", "retrieval_recall", "umap_redshift", "clusters_dbscan"]


def test_page_gives_the_command_of_each_figure(tmp_path, settings, tables):
    default = page(tmp_path, settings, tables, ("ledger",))
    assert f"<pre>snakemake --cores 1 --force {tmp_path}/ledger.pdf</pre>" in default
    other = page(tmp_path, settings, tables, ("ledger",), Path("results/x/settings.yaml"))
    assert "ledger.pdf --configfile results/x/settings.yaml</pre>" in other


def test_page_escapes_what_tables_and_settings_say(tmp_path, settings, tables):
    nasty = "<script>alert(1)</script>"
    tables["ledger"].loc[tables["ledger"]["reason"] != "", "reason"] = nasty
    html = page(tmp_path, {**settings, "run": nasty}, tables)
    assert nasty not in html
    assert "&lt;script&gt;" in html


def test_page_holds_the_whole_configuration(tmp_path, settings, tables):
    html = page(tmp_path, settings, tables)
    assert all(f"\n{key}:" in html for key in list(settings)[1:])


# --- tables --------------------------------------------------------------------------------------


def test_summary_holds_the_key_numbers(tables):
    text = " ".join(report_tables.summarise(tables))
    assert "Of 94 input galaxies 90 were kept (95.7%)." in text
    assert "spectrum \N{RIGHTWARDS ARROW} image 0.70 [0.68, 0.73]" in text
    assert (
        "among the 10 nearest of 20 for a share of spectrum \N{RIGHTWARDS ARROW} image 0.22 [0.20, 0.24]"
        in text
    )
    assert "random guessing gives 0.5" in text


def own_metrics(tables):
    rows = [
        ("own_galaxies", "image", "image", "z", "nmad", 0.02, 0.01, 0.03, 12),
        ("own_galaxies", "image", "image", "log_mstar", "nmad", 0.2, 0.1, 0.3, 5),
    ]
    return pd.DataFrame(rows, columns=list(tables["zeroshot"]))


def test_table_of_own_galaxies_tells_properties_apart(tables):
    table = report_tables.prediction_table(own_metrics(tables))
    assert table["target"].tolist() == ["z", "log_mstar"]
    assert table["from"].tolist() == ["image", "image"]
    assert table["value [68 % interval]"].tolist() == ["0.02 [0.01, 0.03]", "0.20 [0.10, 0.30]"]
    assert table["metric"].notna().all()


def test_summary_of_own_galaxies_leaves_out_what_was_not_measured(tables):
    own = own_metrics(tables)
    text = " ".join(report_tables.summarise({"ledger": tables["ledger"], "predictions": own}))
    assert "own galaxies: image nmad 0.02 [0.01, 0.03] (n = 12)." in text  # and not that of the mass
    assert "Zero-shot" not in text


def test_score_matrix_keeps_the_order_of_properties_and_all_pairs(tables):
    matrix = report_tables.score_matrix(tables["zeroshot"])
    assert list(matrix["target"]) == ["z", "log_mstar"]
    assert matrix.shape == (2, 6)
    assert (matrix.iloc[:, 1:5] == "0.70 [0.68, 0.73]").all(axis=None)


def test_retrieval_table_sets_chance_beside_each_metric(tables):
    table = report_tables.retrieval_table(tables["retrieval"])
    recall = table[table["metric"] == "recall@10"]
    assert list(recall["random guess"]) == ["0.5", "0.5"]
    assert not table["metric"].str.contains("chance").any()


def test_ledger_table_adds_up(tables):
    table = report_tables.ledger_table(tables["ledger"])
    counts = table["n"].str.replace(",", "").astype(int)
    assert counts.iloc[:-1].sum() == counts.iloc[-1] == len(tables["ledger"])


def test_resources_come_from_benchmarks_longest_first(tmp_path):
    head = "s\th:m:s\tmax_rss\tmax_vms\n"
    (tmp_path / "train.benchmark.tsv").write_text(head + "61.5\t0:01:01\t900.4\t1\n")
    (tmp_path / "quick.benchmark.tsv").write_text(head + "0.1\t0:00:00\tNA\tNA\n")
    (tmp_path / "slow.benchmark.tsv").write_text(head + "3600.0\t1:00:00\t-\t-\n")
    table = report_tables.resources_table(tmp_path)
    assert list(table["job"]) == ["slow", "train", "quick"]
    assert list(table["peak memory [MB]"]) == ["", "900", ""]
    assert report_tables.resources_table(tmp_path / "absent").empty


def test_imported_embeddings_are_named_and_no_training_is_claimed(tmp_path, settings, tables):
    imported = {
        "layout": "rep",
        "embedding_dim": 128,
        "modalities": ["image", "spectrum"],
        "files": [{"name": "<e>.npz", "rows": 39599, "bytes": 12345, "sha256": "ab12"}],
        "split": "by a hash of TARGETID",
    }
    settings = {**settings, "source": "embeddings"}
    entries = report.collect_figures(pngs(tmp_path, ["ledger", "example_galaxies"]), CAPTIONS, settings, None)
    provabgs = settings["download"]["files"]["provabgs"]
    without = {**settings, "download": {"files": {"provabgs": {**provabgs, "url": None}}}}
    html = report.render(without, entries, {}, [], "snakemake", imported=imported)
    for told in (
        "&lt;e&gt;.npz",
        "39,599 galaxies",
        "ab12",
        "No model was trained",
        "only redshifts are predicted",
    ):
        assert told in html, told
    assert "of the embeddings (image, spectrum) present and finite" in html
    assert "recovered from the colour picture" in html
    assert "Mock survey" not in html
    assert "only redshifts" not in report.render(settings, [], {}, [], "snakemake", imported=imported)


def leaks_of(outcome: str) -> pd.DataFrame:
    row = ("similar_image", 8000, 0, 1200, 2400, 1000, outcome)
    return pd.DataFrame([row], columns=list(contract.LEAK_COLUMNS))


def test_leaks_that_are_left_are_marked_in_table_and_summary(tmp_path, settings, tables):
    html = page(tmp_path, settings, {**tables, "leaks": leaks_of("left_in")})
    assert "LEFT IN: on both sides of a split" in html
    assert "1,200" in html
    assert "Some galaxies stand on both sides of a split" in html
    clean = page(tmp_path, settings, {**tables, "leaks": leaks_of("none")})
    assert "nothing found" in clean
    assert "both sides of a split: see" not in clean


def test_every_kind_and_outcome_of_the_leak_check_has_words():
    assert set(report_tables.LEAK_KINDS) == set(contract.LEAK_KINDS)
    for outcome in report_tables.LEAK_OUTCOMES:
        assert report_tables.leaks_table(leaks_of(outcome)).notna().all(None)


def test_page_greys_what_the_run_does_not_fill_in(tmp_path, settings, tables):
    published = compare.compare(compare.published_values(), [], "mock survey: these galaxies are simulated")
    html = page(tmp_path, settings, {**tables, "compare": published})
    greyed = re.findall(r'<td class="none">— (.*?)</td>', html)
    assert greyed == ["mock survey: these galaxies are simulated"] * len(published)


def test_protocols_have_rows_of_their_own(tables):
    own = tables["zeroshot"]
    both = pd.concat([own, own.assign(protocol="v2", value=own["value"] - 1)])
    table = report_tables.protocols_table(both)
    assert list(table["protocol"].unique()) == [own["protocol"].iloc[0], "v2"]
    assert not table.duplicated(["protocol", "target"]).any()


@pytest.mark.parametrize(("protocol", "leaks"), [("adn", True), ("v2", False)])
def test_protocol_that_leaks_is_named_in_the_title(tmp_path, tables, protocol, leaks):
    read = {**tables, "protocols": tables["zeroshot"].assign(protocol=protocol)}
    titles = [title for title in report_tables.collect_tables(read, tmp_path) if "by protocol" in title]
    assert len(titles) == 1
    assert ("among its own neighbours" in titles[0]) is leaks
