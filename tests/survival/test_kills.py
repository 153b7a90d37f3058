"""A few kills, as `kills.py` does many: `pytest -m survival`."""

import kills
import pytest
import yaml

SETTINGS = {
    "run": "tiny",
    "simulate": {"n_galaxies": 60},
    "preprocess": {"shard_rows": 30},
    "train": {"epochs": 2, "batch_size": 16},
}


@pytest.mark.survival
def test_random_kills_cost_no_result_and_no_complete_file(tmp_path, capsys):
    settings = tmp_path / "tiny.yaml"
    settings.write_text(yaml.safe_dump(SETTINGS))
    target = "results/tiny/embeddings/test.parquet"
    options = ["--kills", "4", "--seed", "5", "--span", "14", "--targets", target]
    kills.main(kills.parse([str(tmp_path / "projects"), "--settings", str(settings), *options]))
    printed = capsys.readouterr().out
    assert "4 of 4 kills survived" in printed and "run 1: as undisturbed" in printed


def test_a_changed_result_and_one_made_again_are_found(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name / "figures").mkdir(parents=True)
        (tmp_path / name / "figures" / "a.png").write_text("same")
        (tmp_path / name / "report.html").write_text(name)
    assert kills.differences(tmp_path / "one", tmp_path / "other") == []
    (tmp_path / "other" / "figures" / "a.png").write_text("not")
    (tmp_path / "one" / "b.csv").touch()
    assert kills.differences(tmp_path / "one", tmp_path / "other") == ["b.csv", "figures/a.png"]
    flow = kills.Workflow(tmp_path / "one", tmp_path / "tiny.yaml", [], 1)
    (tmp_path / "one" / ".snakemake" / "metadata").mkdir(parents=True)
    (tmp_path / "one" / ".snakemake" / "metadata" / "Yi5jc3Y=").touch()  # b.csv
    flow.check_complete()
    (tmp_path / "one" / "new").touch()
    (tmp_path / "one" / "new").rename(tmp_path / "one" / "b.csv")
    with pytest.raises(kills.NotSurvivedError, match=r"made again, though complete: .*b.csv"):
        flow.check_complete()
