"""A share of a joint file over the network: the right rows, few bytes, and every way to be cut off."""

import itertools
import json
import logging
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from factories import make_joint
from fetching import HASTY
from http_server import Answer, FileServer

from galaxypair import io, splits, tables
from galaxypair.errors import DataError
from galaxypair.fetch import remote, subset
from galaxypair.fetch.http import InterruptedTransferError, Patience
from galaxypair.fetch.transfer import Wanted

NAME = "remote.h5"
KEY = "download.files.joint"
CHOICE = {"fraction": 0.2, "block_rows": 4, "train_fraction": 0.8, "patience": HASTY}
ROW_BYTES = sum(
    np.prod(shape, dtype=int) * np.dtype(kind).itemsize for shape, kind in tables.JOINT_DATASETS.values()
)


def fetch(url: str | Path, joint: Path, **changed: object) -> dict:
    return subset.fetch_subset(Wanted(str(url), KEY, instead="Or ask around."), joint, **CHOICE | changed)


def cuts(n: int = HASTY.tries) -> list[Answer]:
    return [Answer(cut_after=0.5)] * n


@pytest.fixture(scope="module")
def survey(tmp_path_factory) -> Path:
    return make_joint(tmp_path_factory.mktemp("remote") / NAME, n_per_group=50, groups=2)


def read_joint(path: Path) -> dict[str, dict[str, np.ndarray]]:
    with h5py.File(path) as file:
        return {g: {name: file[g][name][...] for name in tables.JOINT_DATASETS} for g in file}


def assert_is_subset(path: Path, source: Path, rows: list[int]) -> None:
    made, whole = read_joint(path), read_joint(source)
    assert list(made) == list(whole)
    for group, arrays in made.items():
        for name, values in arrays.items():
            np.testing.assert_array_equal(values, whole[group][name][rows], err_msg=f"{group}/{name}")


EXPECTED = [*range(8), 40, 41]  # of 50 rows: a fifth of the train rows 0...39 and of the test rows 40...49


@pytest.mark.parametrize("rows", [1, 2, 5, 7, 99, 1000, 19798])
@pytest.mark.parametrize("fraction", [0.001, 0.01, 0.3, 0.99, 1.0])
@pytest.mark.parametrize("train_fraction", [0.8, 0.0, 1.0])
def test_every_row_keeps_its_split(rows, fraction, train_fraction):
    ranges = subset.select_rows(rows, fraction, train_fraction)
    chosen = np.concatenate([np.arange(*pair) for pair in ranges])
    assert len(np.unique(chosen)) == len(chosen) == max(1, round(fraction * rows))
    assert chosen.max() < rows
    share = {"train_fraction": train_fraction, "val_fraction": 0.1}
    targetid = np.arange(rows) + 39627000000000000
    whole = splits.assign(np.arange(rows), rows, targetid, **share)
    small = splits.assign(np.arange(len(chosen)), len(chosen), targetid[chosen], **share)
    np.testing.assert_array_equal(small, whole[chosen])


def test_group_without_galaxies_gives_none():
    assert subset.select_rows(0, 0.5, 0.8) == []


@pytest.mark.parametrize(("block_rows", "chunk_rows"), [(4, 1), (4, 3), (3, 4), (100, 7), (1, 1)])
def test_blocks_cover_the_rows_once_and_no_chunk_twice(block_rows, chunk_rows):
    ranges = [(0, 17), (41, 60)]
    blocks = subset.plan_blocks("3", ranges, block_rows, chunk_rows)
    rows = [row for block in blocks for row in range(block.start, block.stop)]
    assert rows == [*range(17), *range(41, 60)]
    assert [b.place for b in blocks] == list(np.cumsum([0] + [b.stop - b.start for b in blocks[:-1]]))
    for one, other in itertools.pairwise(blocks):
        assert (one.stop - 1) // chunk_rows != other.start // chunk_rows


@pytest.mark.parametrize("as_url", [str, lambda path: f"file://{path}"])
def test_file_on_a_disk_is_read_too(tmp_path, survey, as_url):
    record = fetch(as_url(survey), tmp_path / "joint.h5")
    assert_is_subset(tmp_path / "joint.h5", survey, EXPECTED)
    assert record["size"] == survey.stat().st_size
    assert (record["rows"]["0"], record["bytes_fetched"]) == ([[0, 8], [40, 42]], 0)


def test_rows_cross_the_wire_and_little_else(tmp_path, survey):
    with FileServer({NAME: survey}) as server:
        record = fetch(server.url(NAME), tmp_path / "joint.h5")
    assert_is_subset(tmp_path / "joint.h5", survey, EXPECTED)
    assert record["rows"] == {"0": [[0, 8], [40, 42]], "1": [[0, 8], [40, 42]]}
    assert (record["url"], record["etag"], record["size"]) == (server.url(NAME), '"1"', survey.stat().st_size)
    assert record["bytes_fetched"] == server.bytes_served
    overhead = server.bytes_served - 20 * ROW_BYTES
    assert overhead < 100 * remote.READ_AHEAD
    assert [path.name for path in tmp_path.iterdir()] == ["joint.h5"]


@pytest.mark.parametrize("chunks", [(1, 152, 152, 3), (16, 38, 38, 3), (50, 10, 152, 1)])
def test_chunked_and_compressed_datasets_are_read(tmp_path, survey, chunks):
    with h5py.File(survey) as old, h5py.File(tmp_path / "remote.h5", "w") as new:
        for group in old:
            for name in tables.JOINT_DATASETS:
                storage = (
                    {"chunks": chunks, "compression": "gzip", "compression_opts": 1}
                    if name == "images"
                    else {}
                )
                new.create_dataset(f"{group}/{name}", data=old[group][name][...], **storage)
    with FileServer({NAME: tmp_path / "remote.h5"}) as server:
        fetch(server.url(NAME), tmp_path / "joint.h5")
    assert_is_subset(tmp_path / "joint.h5", survey, EXPECTED)


def test_other_floats_and_flat_spectra_become_the_usual_layout(tmp_path):
    with h5py.File(tmp_path / "remote.h5", "w") as file:
        file["0/images"] = np.ones((5, 152, 152, 3), ">f8")
        file["0/spectra"] = np.arange(5 * 7781.0).reshape(5, 7781)
        file["0/redshifts"] = np.arange(5.0)
        file["0/targetids"] = np.arange(5, dtype=">i8")
    fetch(tmp_path / "remote.h5", tmp_path / "joint.h5", fraction=1.0)
    assert io.check_joint(tmp_path / "joint.h5") == {"0": 5}
    made = read_joint(tmp_path / "joint.h5")["0"]
    assert {name: values.dtype for name, values in made.items()} == {
        name: np.dtype(kind) for name, (_, kind) in tables.JOINT_DATASETS.items()
    }
    assert made["spectra"].shape == (5, 7781, 1) and made["spectra"][4, -1, 0] == 5 * 7781 - 1


@pytest.mark.parametrize("after", [0, 3_000_000])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(cut_after=0.5),
        Answer(short=True),
        Answer(status=503),
        Answer(status=429, headers={"Retry-After": "1"}),
        Answer(stall_after=0.5),
    ],
    ids=["cut", "short", "unavailable", "too many", "stall"],
)
def test_failing_connection_is_tried_again(tmp_path, survey, caplog, answer, after):
    answers = [answer] * (1 if answer.stall_after else HASTY.tries - 1)
    with FileServer({NAME: survey}, answers, answers_after=after) as server:
        fetch(server.url(NAME), tmp_path / "joint.h5")
    assert_is_subset(tmp_path / "joint.h5", survey, EXPECTED)
    assert "trying again in" in caplog.text


def test_failures_between_blocks_that_come_do_not_add_up(tmp_path, survey, monkeypatch):
    real, calls = subset._read, itertools.count()

    def read(file: h5py.File, block: subset.Block) -> dict[str, np.ndarray]:
        if next(calls) % 2 == 0:
            raise ConnectionError("gone")
        return real(file, block)

    monkeypatch.setattr(subset, "_read", read)
    fetch(survey, tmp_path / "joint.h5", patience=replace(HASTY, tries=2))
    assert_is_subset(tmp_path / "joint.h5", survey, EXPECTED)


def test_answer_shorter_than_asked_for_is_no_data(survey):
    with FileServer({NAME: survey}, [Answer(short=True)]) as server:
        curl = remote._Curl(server.url(NAME), "", HASTY)
        with pytest.raises(InterruptedTransferError, match="bytes 0-99, got 50 of"):
            curl.get(0, 100)


def test_dead_connection_ends_with_what_to_do_and_the_next_job_goes_on(tmp_path, survey):
    with FileServer({NAME: survey}, cuts(), answers_after=3_000_000) as server:
        with pytest.raises(DataError, match=r"failed 4 times in a row .*Run the same command again"):
            fetch(server.url(NAME), tmp_path / "joint.h5")
        assert not (tmp_path / "joint.h5").exists()
        before = server.bytes_served
        record = fetch(server.url(NAME), tmp_path / "joint.h5")
        assert record["blocks_kept_from_earlier_jobs"] >= 1
        assert record["blocks_fetched"] + record["blocks_kept_from_earlier_jobs"] == 6
        assert server.bytes_served - before < 20 * ROW_BYTES - 3_000_000 + 100 * remote.READ_AHEAD
    assert_is_subset(tmp_path / "joint.h5", survey, EXPECTED)


def test_killed_job_goes_on(tmp_path, survey):
    stalls = [Answer(stall_after=0.5)] * 100
    with FileServer({NAME: survey}, stalls, answers_after=3_000_000) as server:
        job = multiprocessing.get_context("spawn").Process(
            target=fetch, args=(server.url(NAME), tmp_path / "joint.h5")
        )
        job.start()
        folder = tmp_path / ".joint.h5.blocks"
        deadline = time.monotonic() + 30
        while len(list(folder.glob("[01]-*.h5"))) < 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(job.pid, signal.SIGKILL)
        job.join()
        server.answers.clear()
        record = fetch(server.url(NAME), tmp_path / "joint.h5")
    assert record["blocks_kept_from_earlier_jobs"] >= 1
    assert_is_subset(tmp_path / "joint.h5", survey, EXPECTED)


def test_block_that_never_reached_the_disk_is_fetched_again(tmp_path, survey):
    with FileServer({NAME: survey}, cuts(), answers_after=3_000_000) as server:
        with pytest.raises(DataError):
            fetch(server.url(NAME), tmp_path / "joint.h5")
        (tmp_path / ".joint.h5.blocks" / "0-00000000.h5").write_bytes(b"")
        fetch(server.url(NAME), tmp_path / "joint.h5")
    assert_is_subset(tmp_path / "joint.h5", survey, EXPECTED)


def test_file_that_changes_between_two_jobs_is_fetched_anew(tmp_path, survey, caplog):
    other = make_joint(tmp_path / "other.h5", n_per_group=50, groups=2, seed=2)
    with FileServer({NAME: survey}, cuts(), answers_after=3_000_000) as server:
        with pytest.raises(DataError):
            fetch(server.url(NAME), tmp_path / "joint.h5")
        server.files[NAME], server.etag = other, '"2"'
        record = fetch(server.url(NAME), tmp_path / "joint.h5")
    assert "starting anew" in caplog.text
    assert (record["etag"], record["blocks_kept_from_earlier_jobs"]) == ('"2"', 0)
    assert_is_subset(tmp_path / "joint.h5", other, EXPECTED)


def test_file_that_changes_within_a_job_is_fetched_anew(tmp_path, survey, caplog, monkeypatch):
    other, real = make_joint(tmp_path / "other.h5", n_per_group=50, groups=2, seed=2), subset._read
    with FileServer({NAME: survey}) as server:

        def read(file: h5py.File, block: subset.Block) -> dict[str, np.ndarray]:
            rows = real(file, block)
            if block.start:
                server.files[NAME], server.etag = other, '"2"'
            return rows

        monkeypatch.setattr(subset, "_read", read)
        fetch(server.url(NAME), tmp_path / "joint.h5")
    assert "has changed on the server while it was read: starting anew" in caplog.text
    assert_is_subset(tmp_path / "joint.h5", other, EXPECTED)


def test_file_that_keeps_changing_is_given_up(tmp_path, survey, monkeypatch):
    versions = iter(range(100))
    real = remote.RemoteHDF5.identity
    monkeypatch.setattr(
        remote.RemoteHDF5, "identity", lambda self: real(self) | {"etag": str(next(versions))}
    )
    with pytest.raises(DataError, match="changed 3 times while it was read"):
        fetch(survey, tmp_path / "joint.h5")


def test_other_choice_of_rows_does_not_mix_with_an_interrupted_one(tmp_path, survey, caplog):
    with FileServer({NAME: survey}, cuts(), answers_after=3_000_000) as server:
        with pytest.raises(DataError):
            fetch(server.url(NAME), tmp_path / "joint.h5")
        fetch(server.url(NAME), tmp_path / "joint.h5", train_fraction=0.5)
    assert "choice of rows differs" in caplog.text
    assert_is_subset(tmp_path / "joint.h5", survey, [*range(5), *range(25, 30)])


def test_server_that_sends_only_whole_files_is_named_and_soon(tmp_path, survey):
    with FileServer({NAME: survey}, [Answer(ranges=False)]) as server:
        with pytest.raises(DataError, match=r"does not serve parts of files.*`source: download`"):
            fetch(server.url(NAME), tmp_path / "joint.h5")
        assert server.bytes_served < survey.stat().st_size / 4


def test_file_that_is_shorter_now_is_asked_for_again(survey):
    with FileServer({NAME: survey}) as server:
        curl = remote._Curl(server.url(NAME), "", HASTY)
        with pytest.raises(InterruptedTransferError, match="HTTP status 416"):
            curl.get(survey.stat().st_size, survey.stat().st_size + 1)


def test_server_that_asks_to_wait_is_waited_for(tmp_path, survey, monkeypatch):
    waits = []
    monkeypatch.setattr(subset, "time", SimpleNamespace(sleep=waits.append))
    with FileServer({NAME: survey}, [Answer(status=503, headers={"Retry-After": "7"})]) as server:
        fetch(server.url(NAME), tmp_path / "joint.h5", patience=Patience())
    assert waits == [7]


def test_absent_file_is_not_waited_for(tmp_path, caplog):
    with pytest.raises(DataError, match=r"no such file\. Check the path"):
        fetch(tmp_path / "a.h5", tmp_path / "joint.h5")
    assert "trying again" not in caplog.text


@pytest.mark.parametrize(
    ("status", "meaning"),
    [(401, "wants a login"), (403, "refuses it"), (404, "has no such file"), (418, "does not give it")],
)
def test_refusal_of_the_server_is_not_waited_for(tmp_path, survey, caplog, status, meaning):
    remedy = rf"Correct `{KEY}.url`, or .* name it in `{KEY}.path`\. Or ask around\."
    with FileServer({NAME: survey}, [Answer(status=status)]) as server:
        with pytest.raises(DataError, match=rf"the server {meaning} \(HTTP status {status}\)\. {remedy}"):
            fetch(server.url(NAME), tmp_path / "joint.h5")
        assert len(server.requests) == 1
    assert "trying again" not in caplog.text


def test_absent_server_is_waited_for_and_named(tmp_path):
    with pytest.raises(DataError, match=r"failed 4 times in a row \(Failed to connect"):
        fetch("http://127.0.0.1:9/a.h5", tmp_path / "joint.h5")


def test_web_page_in_place_of_the_file_is_named(tmp_path):
    (tmp_path / "page.h5").write_text("<html>We have moved." + " " * 1000)
    files = {NAME: tmp_path / "page.h5"}
    with FileServer(files) as server, pytest.raises(DataError, match=r"not an HDF5 file.*<html>We"):
        fetch(server.url(NAME), tmp_path / "joint.h5")


def test_other_layout_is_named(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = np.zeros(3)
    files = {"a.h5": tmp_path / "a.h5"}
    with FileServer(files) as server, pytest.raises(DataError, match=r"/a.h5`: no groups `0`...`9`"):
        fetch(server.url("a.h5"), tmp_path / "joint.h5")


def test_full_disk_is_not_waited_for(tmp_path, survey, monkeypatch, caplog):
    def refuse(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(io, "write_arrays", refuse)
    with pytest.raises(DataError, match="the disk is full"):
        fetch(survey, tmp_path / "joint.h5")
    assert "trying again" not in caplog.text


def test_progress_counts_what_earlier_jobs_brought(tmp_path, survey, caplog):
    caplog.set_level(logging.INFO)
    fetch(survey, tmp_path / "joint.h5")
    assert "20 of 20 galaxies" in caplog.text


def test_record_is_json(tmp_path, survey):
    record = fetch(survey, tmp_path / "joint.h5")
    assert json.loads(json.dumps(record)) == record


def test_credentials_of_the_address_reach_no_log_record_message_or_block(tmp_path, survey, caplog):
    caplog.set_level(logging.DEBUG)
    joint, folder = tmp_path / "joint.h5", tmp_path / ".joint.h5.blocks"
    with FileServer({NAME: survey}, cuts(), answers_after=3_000_000) as server:
        secret = server.url(NAME).replace("//", "//user:hunter2@") + "?Signature=hunter2"
        with pytest.raises(DataError, match="failed 4 times in a row") as cut:
            fetch(secret, joint)
        kept = (folder / "key.json").read_text()
        record = fetch(secret, joint)
        assert record["blocks_kept_from_earlier_jobs"] and record["url"] == server.url(NAME)
        assert server.requests[0]["authorization"].startswith("Basic ")
        server.answers[:] = [Answer(status=302, headers={"Location": secret}), Answer(status=403)]
        with pytest.raises(DataError, match="refuses it") as refused:
            fetch(secret, tmp_path / "again.h5")
        server.answers[:] = [Answer(ranges=False)]
        with pytest.raises(DataError, match="does not serve parts") as whole:
            fetch(secret, tmp_path / "again.h5")
    assert server.url(NAME) in kept and "hunter2" not in kept + json.dumps(record)
    assert "hunter2" not in f"{caplog.text} {cut.value} {refused.value} {whole.value}"
    assert_is_subset(joint, survey, EXPECTED)


def test_path_is_named_as_it_is(tmp_path):
    with pytest.raises(DataError, match=r"`.*/a#1\?v=2\.h5`: no such file"):
        fetch(tmp_path / "a#1?v=2.h5", tmp_path / "joint.h5")
