"""No password, token or key in what others may see."""

import logging

import pytest

from galaxypair import masking, runtime
from galaxypair.errors import DataError

SECRET = "s3cr3tvalue12345"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"https://me:{SECRET}@example.org/a.h5 failed", "https://***@example.org/a.h5 failed"),
        (f"https://{SECRET}@example.org", "https://***@example.org"),
        (f"`https://x.org/a?token={SECRET}&part=2`", "`https://x.org/a?token=***&part=2`"),
        (f"x?X-Amz-Signature={SECRET})", "x?X-Amz-Signature=***)"),
        (f"x?part=2&api_key={SECRET}", "x?part=2&api_key=***"),
        (f"Authorization: Bearer {SECRET}", "Authorization: Bearer ***"),
        (f"hf_{SECRET}ABCDEF in the environment", "hf_*** in the environment"),
        ("https://example.org/a?download=1 at 12:30", "https://example.org/a?download=1 at 12:30"),
        ("hf_hub and me@example.org", "hf_hub and me@example.org"),
    ],
)
def test_secrets_become_stars_and_the_rest_stays(text, left):
    assert masking.mask(text) == left


@pytest.mark.parametrize("variable", ["HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD"])
def test_what_secret_variables_hold_becomes_stars(monkeypatch, variable):
    monkeypatch.setenv(variable, SECRET)
    assert masking.mask(f"header x-key {SECRET}.") == "header x-key ***."


def test_log_terminal_and_traceback_hold_no_secret(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", SECRET)
    url, log = f"https://me:{SECRET}@example.org/a.h5", tmp_path / "rule.log"
    runtime.setup_logging(log)
    logging.getLogger("anyone").warning("fetching %s", url)
    try:
        raise ValueError(url)
    except ValueError as err:
        runtime.report_error("download", DataError(f"`{url}`: no such file."), log)
        runtime.sys.excepthook(type(err), err, err.__traceback__)
    for handler in logging.getLogger().handlers:
        handler.flush()
    shown = capsys.readouterr().err + log.read_text()
    assert SECRET not in shown
    assert shown.count("https://***@example.org/a.h5") >= 4
    assert "ValueError" in shown
