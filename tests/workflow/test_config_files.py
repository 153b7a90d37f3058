"""Config, schema and key table say the same."""

import importlib.util
from pathlib import Path

import pytest
import yaml

from galaxypair import config as check_config
from galaxypair import trials

FOLDER = Path(__file__).resolve().parents[2] / "config"
SCHEMA = check_config.load_schema(FOLDER.parent / "workflow" / "schemas" / "config.schema.yaml")
DEFAULTS = yaml.safe_load((FOLDER / "config.yaml").read_text())
OVERLAYS = [path for path in sorted(FOLDER.glob("*.yaml")) if path.name != "config.yaml"]

_spec = importlib.util.spec_from_file_location("make_readme", FOLDER / "make_readme.py")
make_readme = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_readme)


def keys(config: dict, schema: dict, prefix: str = "") -> tuple[set[str], set[str], set[str]]:
    """Dotted names in the config, in the schema's properties, and required by it."""
    inside = ({prefix + key for key in names} for names in (config, schema["properties"], schema["required"]))
    found, declared, required = inside
    for key, part in schema["properties"].items():
        if "properties" in part:
            deeper = keys(config[key], part, f"{prefix}{key}.")
            found, declared, required = found | deeper[0], declared | deeper[1], required | deeper[2]
    return found, declared, required


def test_config_and_schema_hold_the_same_keys():
    found, declared, required = keys(DEFAULTS, SCHEMA)
    assert found == declared == required


def test_every_section_refuses_unknown_keys():
    def sections(schema: dict, name: str = "top") -> list[tuple[str, dict]]:
        inner = [s for key, part in schema["properties"].items() if "properties" in part
                 for s in sections(part, key)]  # fmt: skip
        return [(name, schema), *inner]

    assert [name for name, s in sections(SCHEMA) if s.get("additionalProperties") is not False] == []


def test_every_key_has_its_meaning():
    comments = make_readme.read_comments((FOLDER / "config.yaml").read_text())
    found, declared, _ = keys(DEFAULTS, SCHEMA)
    leaves = {name for name in declared if not any(other.startswith(f"{name}.") for other in found)}
    assert leaves
    assert sorted(name for name in leaves if not comments[name]) == []


def test_key_table_is_up_to_date():
    expected = make_readme.page(FOLDER, SCHEMA)
    found = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert found == expected, "run `python config/make_readme.py`"


def test_comments_are_found_behind_keys_below_them_and_above_sections():
    text = """
# About the file.

run: demo  # its name
# Where from:
source: a
train:
  epochs: 3  # passes
  #            over the data
  seed: 1
"""
    assert make_readme.read_comments(text.replace("\n# Where", "\n\n# Where")) == {
        "run": "its name",
        "source": "Where from:",
        "train": "",
        "train.epochs": "passes over the data",
        "train.seed": "",
    }


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"enum": ["a", "b"]}, "`a`, `b`"),
        ({"type": "integer", "minimum": 1}, "integer ≥ 1"),
        ({"type": ["number", "null"], "exclusiveMinimum": 0}, "number > 0 or `null`"),
        ({"type": "array", "items": {"type": "integer", "minimum": 1}}, "list of integer ≥ 1"),
    ],
)
def test_limits_are_told_in_words(schema, words):
    assert make_readme.limits(schema) == words


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.name)
def test_overlay_is_valid_says_what_it_is_and_holds_only_what_differs(path):
    text = path.read_text()
    overlay = yaml.safe_load(text)
    assert text.startswith("# ")
    assert overlay["run"] not in (DEFAULTS["run"], None)
    settings = trials.merged(DEFAULTS, overlay)
    check_config.check(settings, SCHEMA)
    assert list(trials.variants(settings, SCHEMA)) == [
        trials.AS_CONFIGURED,
        *settings["ablation"]["variants"],
    ]

    def repeated(base: dict, changed: dict, prefix: str = "") -> list[str]:
        names = []
        for key, value in changed.items():
            if isinstance(value, dict):
                names += repeated(base.get(key, {}), value, f"{prefix}{key}.")
            elif key in base and value == base[key]:
                names.append(prefix + key)
        return names

    assert repeated(DEFAULTS, overlay) == []


def test_no_two_configs_write_to_one_folder():
    runs = [yaml.safe_load(path.read_text())["run"] for path in OVERLAYS]
    assert len(set(runs)) == len(runs)
