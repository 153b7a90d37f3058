"""Checking of the configuration: unknown keys are refused with the nearest known one."""

import difflib
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from galaxypair.errors import ConfigError


def load_schema(path: Path) -> dict:
    """Read a JSON schema written as YAML.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
    """
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def check(config: dict, schema: dict) -> None:
    """Check a configuration against the schema; report everything that is wrong at once.

    Parameters
    ----------
    config : dict
        All config files merged.
    schema : dict
        JSON schema (draft 2020-12).

    Raises
    ------
    ConfigError
        Naming each offending key, what was expected and, for an unknown key, the nearest known.
    """
    errors = sorted(Draft202012Validator(schema).iter_errors(config), key=lambda e: list(e.absolute_path))
    if errors:
        lines = [line for error in errors for line in _explain(error)]
        raise ConfigError(
            "The configuration cannot be used:\n  "
            + "\n  ".join(lines)
            + "\nEvery key is explained in config/config.yaml."
        )


def _explain(error: ValidationError) -> list[str]:
    where = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        return [_unknown(where, key, known) for key in error.instance if key not in known]
    name = f"`{where}`" if where else "the config"
    if error.validator == "enum":
        choices = ", ".join(str(c) for c in error.validator_value)
        return [f"{name} is {error.instance!r}; choose one of: {choices}."]
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return [f"{name} lacks the key `{key}`." for key in missing]
    hint = error.schema.get("description")
    return [f"{name}: {error.message}." + (f" It means: {hint}" if hint else "")]


def _unknown(where: str, key: str, known: list[str]) -> str:
    place = f" in `{where}`" if where else ""
    near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
    hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}."
    return f"unknown key `{key}`{place}; {hint}"
