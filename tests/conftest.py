import pytest
from figure_checks import watched


@pytest.fixture(autouse=True)
def sound_figures(monkeypatch):
    """Every figure that a test draws is checked at its end."""
    with watched(monkeypatch):
        yield
