import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from galaxypair import io
from galaxypair.errors import DataError

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks import _cost_figure, _cost_laws, _cost_points, cost_model  # noqa: E402

LIMITS = _cost_laws.Limits(test_share=0.2, umap_galaxies=50_000)
HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"
# CPU seconds and MB of made jobs
MADE = {
    "preprocess": lambda n: (5 + 2e-3 * n, 500 + 1e-3 * n),
    "embed_train": lambda n: (3 + 1e-3 * n, 700),
    "zeroshot": lambda n: (10 + 1e-4 * n + 2e-9 * n**2, 200 + 2e-3 * n),
    "report": lambda n: (3, 150),
}


def make_benchmark(path: Path, cpu_s: float, memory_mb: float, wall_s: float = 12) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}\n{wall_s}\t0:00:12\t{memory_mb}\t1\t1\t1\t1\t1\t90\t{cpu_s}\n")


def make_run(project: Path, run: str, n: int, epochs: int = 2) -> None:
    """Benchmark files of MADE, a ledger of n galaxies, and a folder of 100 bytes each."""
    for name, law in MADE.items():
        make_benchmark(project / "logs" / run / f"{name}.benchmark.tsv", *law(n))
    make_benchmark(project / "logs" / run / "train.benchmark.tsv", epochs * 4e-3 * n, 900)
    results = project / "results" / run
    (results / "dataset").mkdir(parents=True)
    io.write_table(pd.DataFrame({"targetid": np.arange(n)}), results / "dataset" / "ledger.parquet")
    (results / "dataset" / "manifest.json").write_text("{}")
    (results / "survey").mkdir()
    (results / "survey" / "joint.h5").write_bytes(bytes(100 * n))
    (results / "model").mkdir()
    pd.DataFrame({"epoch": range(epochs)}).to_csv(results / "model" / "history.csv", index=False)


@pytest.fixture
def project(tmp_path):
    for n in (4000, 16_000, 64_000):
        make_run(tmp_path, f"size_{n}", n)
    return tmp_path


def collect(project: Path) -> pd.DataFrame:
    return pd.concat([_cost_points.collect(project, f"size_{n}") for n in (4000, 16_000, 64_000)])


@pytest.mark.parametrize(
    ("terms", "factors"),
    [
        (("n",), {"fixed": 7.0, "n": 3e-3}),
        (("n", "n²"), {"fixed": 2.0, "n": 1e-3, "n²": 5e-8}),
        (("m log m",), {"fixed": 4.0, "m log m": 2e-4}),
        (("n", "m²"), {"fixed": 4.0, "n": 1e-3, "m²": 1e-7}),
    ],
)
def test_known_laws_are_recovered_and_extrapolated(terms, factors):
    n = np.array([1000, 3000, 12_000, 40_000, 200_000])
    law = _cost_laws.fit(n, _cost_laws._evaluate(factors, n, LIMITS), terms, LIMITS)
    assert law.factors == pytest.approx(factors, rel=1e-4)
    value, low, high = law.at(10_000_000, LIMITS)
    assert value == pytest.approx(_cost_laws._evaluate(factors, np.array([1e7]), LIMITS)[0], rel=1e-4)
    assert low == pytest.approx(value, rel=1e-3) and high == pytest.approx(value, rel=1e-3)


def test_what_grows_with_the_square_is_no_straight_line():
    n = np.array([1000, 3000, 12_000, 40_000])
    wrong = _cost_laws.fit(n, 1 + 1e-7 * n**2.0, ("n",), LIMITS)
    right = _cost_laws.fit(n, 1 + 1e-7 * n**2.0, ("n", "n²"), LIMITS)
    assert wrong.miss > 1.3 and right.miss < 1.001


def test_range_holds_the_truth_of_noisy_points():
    n = np.repeat([1000, 3000, 12_000, 40_000], 2)
    truth, inside = 20 + 5e-3 * 1e7, 0
    for seed in range(20):
        noise = np.random.default_rng(seed).uniform(0.8, 1.25, len(n))
        _, low, high = _cost_laws.fit(n, (20 + 5e-3 * n) * noise, ("n",), LIMITS).at(10_000_000, LIMITS)
        inside += low <= truth <= high
    assert inside >= 18


def test_memory_that_does_not_grow_keeps_what_is_known_to_be_held():
    n = np.array([1000, 12_000, 40_000])
    law = _cost_laws.fit_memory(n, np.array([620.0, 1080.0, 1050.0]), 500, LIMITS)
    assert law.sizes == (12_000, 40_000)  # the buffers of the smallest are not full
    assert law.at(10_000_000, LIMITS)[0] == pytest.approx(5000 + 1050, rel=0.02)
    assert _cost_laws.fit_memory(n[:2], np.array([620.0, 1080.0]), 500, LIMITS) is None


def test_squares_measured_by_themselves_stay_what_they_are():
    n = np.array([1000, 3000, 12_000])
    leaks = _cost_laws.STAGES["leaks"]
    law = _cost_laws.fit_time(n, 5 + 2e-3 * n + leaks.square_s * n**2.0, leaks, LIMITS)
    truth = 5 + 2e-3 * 1e7 + leaks.square_s * 1e14
    assert law.factors == pytest.approx({"fixed": 5, "n": 2e-3, "n²": leaks.square_s})
    assert law.at(10_000_000, LIMITS) == pytest.approx((truth, truth, truth))


def test_umap_and_its_plane_stop_to_grow_at_their_limit():
    for term in ("m log m", "m²"):
        at_limit, beyond = (_cost_laws.TERMS[term](np.array([float(n)]), LIMITS) for n in (250_000, 10**7))
        assert at_limit == beyond


def test_every_job_of_the_workflow_has_a_law():
    files = "\n".join(path.read_text() for path in (REPO / "workflow" / "rules").glob("*.smk"))
    for name in ("umap", "cluster", "leaks", "zeroshot", "retrieval", "train", "embed", "report"):
        assert f"\nrule {name}:" in files.replace("    rule", "rule"), name
        assert _cost_laws.stage_of(name) == name
    assert _cost_laws.stage_of("cluster_information") == "cluster_information"
    assert _cost_laws.stage_of("umap_both") == "umap"
    assert _cost_laws.stage_of("figure_zeroshot_redshift") == "figure"
    assert _cost_laws.stage_of("posterior_flows") is None
    for name, stage in _cost_laws.STAGES.items():
        assert set(stage.after) <= set(list(_cost_laws.STAGES)[: list(_cost_laws.STAGES).index(name)])


def test_points_are_read_from_runs(project):
    points = collect(project).set_index(["n", "name"])
    assert points.loc[(4000, "preprocess"), "cpu_s"] == pytest.approx(13)
    assert points.loc[(4000, "train"), "cpu_s"] == pytest.approx(16)  # of one epoch
    assert points.loc[(16_000, "survey"), "bytes"] == 1_600_000
    laws, left_out = _cost_laws.fit_stages(collect(project), LIMITS)
    assert set(laws["stage"]) == {"preprocess", "train", "embed", "zeroshot", "report"} and left_out == []
    by_stage = laws.set_index("stage")
    assert "n" not in by_stage.loc["report", "memory"].factors
    assert by_stage.loc["zeroshot", "memory"].factors["n"] == pytest.approx(2e-3)
    assert _cost_laws.fit_folders(collect(project), LIMITS)["survey"].factors["n"] == pytest.approx(100)


def test_imported_embeddings_say_nothing_of_survey_and_shards(project):
    (project / "results" / "size_4000" / "dataset" / "manifest.json").unlink()
    folders = _cost_points.collect(project, "size_4000").query("kind == 'folder'")
    assert set(folders["name"]) == {"model"}


@pytest.mark.parametrize(("wall_s", "last"), [(3, 3), (15, 15), (40, 15.5), (46, 45.5), (100, 75.5)])
def test_cpu_time_is_stretched_from_the_last_look_to_the_end(tmp_path, wall_s, last):
    path = tmp_path / "umap_both.benchmark.tsv"
    make_benchmark(path, 10, 300, wall_s)
    assert _cost_points.read_benchmark(path)["cpu_s"] == pytest.approx(10 * wall_s / last)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no s, max_rss, cpu_time"),
        (HEADER + "\n", "no s, max_rss, cpu_time"),
        (HEADER + "\n12\t0:00:12\t300", "no cpu_time"),
        ("s\th:m:s\n12\t0:00:12\n", "no max_rss, cpu_time"),
        (HEADER + "\n12\t0:00:12\tmuch\t1\t1\t1\t1\t1\t1\t5\n", "'much' where a number should stand"),
    ],
)
def test_damaged_benchmark_is_named(tmp_path, text, told):
    path = tmp_path / "embed.benchmark.tsv"
    path.write_text(text)
    with pytest.raises(DataError, match=told) as caught:
        _cost_points.read_benchmark(path)
    assert str(path) in str(caught.value)


def test_missing_run_and_ledger_and_points_are_named(project):
    with pytest.raises(DataError, match=r"logs/other`: no \*\.benchmark\.tsv"):
        _cost_points.collect(project, "other")
    (project / "results" / "size_4000" / "dataset" / "ledger.parquet").unlink()
    with pytest.raises(DataError, match=r"ledger\.parquet`: no such file.*Finish the run"):
        _cost_points.collect(project, "size_4000")
    with pytest.raises(DataError, match=r"points\.csv`: no such file"):
        _cost_points.read_points(project / "points.csv")
    (project / "points.csv").write_text("run,n\n")
    with pytest.raises(DataError, match="it lacks kind, name"):
        _cost_points.read_points(project / "points.csv")


def test_one_size_makes_no_law(project):
    with pytest.raises(DataError, match="Points at 1 size of the survey: a law needs two"):
        _cost_laws.fit_stages(_cost_points.collect(project, "size_4000"), LIMITS)


def test_mean_job_stands_for_those_that_a_run_has_not_made(project):
    points = collect(project)
    spaces = [points[points["name"] == "report"].assign(name=f"umap_{s}") for s in ("image", "both")]
    fewer = spaces[0][spaces[0]["n"] < 20_000]
    fitted, _ = _cost_laws.fit_stages(pd.concat([points, fewer, spaces[1]]), LIMITS)
    umap = fitted.set_index("stage").loc["umap"]
    assert umap["jobs"] == 2
    assert umap["cpu"].at(16_000, LIMITS)[0] == pytest.approx(6)


def test_two_sizes_have_no_range_and_unmeasured_jobs_are_told(project):
    points = pd.concat([_cost_points.collect(project, f"size_{n}") for n in (4000, 16_000)])
    once = points[points["name"] == "report"].head(1).assign(name="gallery")
    unknown = points[points["name"] == "report"].assign(name="posterior_flows")
    fitted, left_out = _cost_laws.fit_stages(pd.concat([points, once, unknown]), LIMITS)
    assert left_out == ["gallery", "posterior_flows", "zeroshot"]
    priced = cost_model.price(fitted, [10_000], LIMITS).set_index("stage")
    assert priced.loc["preprocess", "cpu_h"] == pytest.approx(25 / 3600)
    assert np.isnan(priced.loc["preprocess", "cpu_h_high"])


def test_totals_add_up(project):
    points = collect(project)
    fitted, _ = _cost_laws.fit_stages(points, LIMITS)
    priced = cost_model.price(fitted, [200_000], LIMITS)
    have = cost_model.Machines(cores=4, machines=2, memory_gb=1, gpus=2, gpu_pairs_per_s=100, epochs=10)
    folders = _cost_laws.fit_folders(points, LIMITS)
    total = cost_model.totals(priced, folders, have, LIMITS, fetched=300_000).iloc[0]
    seconds = 5 + 400 + 10 + 20 + 80 + 3  # preprocess, zeroshot, report
    assert total["cpu_h"] == pytest.approx(seconds / 3600, rel=1e-3)
    gpu_h = 200_000 * (0.72 * 10 + 1 / 3) / 100 / 3600
    assert total["gpu_h"] == pytest.approx(gpu_h)
    assert total["fetched_tb"] == pytest.approx(0.06)
    assert total["jobs"] == 5
    assert total["memory_gb"] == pytest.approx(0.9, rel=0.02) and total["largest"] == "train"
    chain = (405 + 110) / 4 / 3600 + gpu_h / 2 + 3 / 3600
    assert total["wall_h"] == pytest.approx(chain, rel=1e-3)


def test_command_prints_tables_and_says_what_is_wrong(project):
    points, priced = project / "points.csv", project / "priced.csv"
    runs = [f"size_{n}" for n in (4000, 16_000, 64_000)]
    command = [sys.executable, REPO / "benchmarks" / "cost_model.py", "--points", points, "--sizes", "50000"]
    for more in (["--project", project, "--runs", *runs], ["--csv", priced]):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "| zeroshot | 1 | 1 + n + n² | 4 k, 16 k, 64 k | 1.0 |" in done.stdout
        assert "An assumption, not measured: 150 pairs/s" in done.stdout
        assert done.stdout.strip().splitlines()[-1].startswith("50,000: ")
    assert set(pd.read_csv(priced)["stage"]) == {"preprocess", "train", "embed", "zeroshot", "report"}
    done = subprocess.run([*command[:2], "--runs", "none"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Error: `" in done.stderr and "Traceback" not in done.stderr


def test_outgrown_is_what_takes_a_day_or_all_memory(project):
    fitted, _ = _cost_laws.fit_stages(collect(project), LIMITS)
    have = cost_model.Machines(cores=16, machines=1, memory_gb=10, gpus=1, gpu_pairs_per_s=100, epochs=1)
    ends = cost_model.outgrown(fitted, have, LIMITS)
    assert not any(name in ends and "a day" in ends[name] for name in ("report", "embed"))
    assert ends["zeroshot"].endswith(": memory")  # 200 MB + 2 kB each
    assert float(ends["zeroshot"].split(" M")[0]) == pytest.approx(4.9, rel=0.05)
    more = dataclasses.replace(have, memory_gb=1000)
    day = cost_model.outgrown(fitted, more, LIMITS)["zeroshot"]
    assert day.endswith(": a day")
    n = float(day.split(" M")[0]) * 1e6
    assert 10 + 1e-4 * n + 2e-9 * n**2 == pytest.approx(24 * 3600 * 8, rel=0.1)


def test_page_shows_what_the_command_prints(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cost_model.py"])
    cost_model.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    page = (REPO / "docs" / "scale.md").read_text(encoding="utf-8").splitlines()
    assert len(rows) > 20
    assert [row for row in rows if row not in page] == []


@pytest.mark.parametrize("value", [(0.00123, "0.0012"), (3.44, "3.4"), (123.0, "120"), (35_432.0, "35,000")])
def test_numbers_have_two_digits(value):
    assert cost_model.short(value[0]) == value[1]


def test_figure_shows_points_and_laws(project, tmp_path):
    points = collect(project)
    fitted, _ = _cost_laws.fit_stages(points, LIMITS)
    _cost_figure.draw(points, fitted, LIMITS, 10_000_000, tmp_path / "laws.png")
    assert (tmp_path / "laws.png").stat().st_size > 10_000
