"""Write config/README.md: a table of every key, from config.yaml and the schema.

`python config/make_readme.py`; a test fails when the file is out of date.
"""

import re
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
SCHEMA = HERE.parent / "workflow" / "schemas" / "config.schema.yaml"
HEAD = """\
# Configuration

`config.yaml` is the demo, and holds every key. To run something else, write a second file with only
what differs and add it on the command line; the two are merged key by key:

    snakemake --cores all --configfile config/my_survey.yaml

{overlays}

A single key also changes on the command line: `--config train='{{epochs: 40}}'`. A key that is not in
the table is refused, with the nearest one that is. Units stand in the names; `null` means off.

This page is written by `make_readme.py` from `config.yaml` and `../workflow/schemas/config.schema.yaml`.
"""
_KEY = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*?)(?:\s+#\s*(?P<comment>.*))?$")


def read_comments(text: str) -> dict[str, str]:
    """Comment of every key of a YAML file, by dotted name.

    Parameters
    ----------
    text : str
        Comments stand behind the key, go on in lines of their own, or stand above a section.

    Returns
    -------
    dict of str to str
        In the order of the file; empty for a key without a comment.
    """
    comments: dict[str, str] = {}
    parents: list[str] = []
    above: list[str] = []
    last = None
    for line in text.splitlines():
        if match := _KEY.match(line):
            parents = [*parents[: len(match["indent"]) // 2], match["key"]]
            last = ".".join(parents)
            comments[last] = match["comment"] or " ".join(above)
            above = []
        elif line.strip().startswith("#"):
            words = line.strip().lstrip("# ")
            if last is None:
                above.append(words)
            else:
                comments[last] += f" {words}"
        else:
            above, last = [], None
    return comments


def limits(schema: dict) -> str:
    """Type, bounds and choices that a schema allows, for a reader.

    Parameters
    ----------
    schema : dict
        Of one key.

    Returns
    -------
    str
    """
    if "enum" in schema:
        return ", ".join(f"`{str(c).lower() if isinstance(c, bool) else c}`" for c in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    names = {"null": "`null`", "boolean": "`true`, `false`", "array": "list", "string": "text"}
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = ", ".join(f"{sign} {schema[name]}" for name, sign in signs.items() if name in schema)
    words = []
    for kind in kinds:
        word = f"list of {limits(schema['items'])}" if kind == "array" else names.get(kind, kind)
        words.append(f"{word} {bounds}" if bounds and kind in ("integer", "number") else word)
    return " or ".join(words)


def key_rows(config: dict, schema: dict, comments: dict[str, str], prefix: str = "") -> list[str]:
    """Rows of the table for the keys of one section.

    Parameters
    ----------
    config, schema : dict
    comments : dict of str to str
        From `read_comments`.
    prefix : str, default=""
        Dotted name of the section, with a dot at its end.

    Returns
    -------
    list of str
        Markdown.
    """
    rows = []
    for key, value in config.items():
        part = schema["properties"][key]
        if "properties" in part:
            rows += key_rows(value, part, comments, f"{prefix}{key}.")
            continue
        shown = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
        meaning = comments[prefix + key] or part.get("description", "")
        rows.append(
            f"| `{prefix}{key}` | `{shown}` | {limits(part)} | {meaning.replace('|', chr(92) + '|')} |"
        )
    return rows


def page(folder: Path, schema: dict) -> str:
    """Put together the whole of config/README.md.

    Parameters
    ----------
    folder : Path
        With config.yaml and the files that overlay it.
    schema : dict

    Returns
    -------
    str
    """
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    overlays = [path for path in sorted(folder.glob("*.yaml")) if path.name != "config.yaml"]
    firsts = [path.read_text(encoding="utf-8").splitlines()[0].strip("# ") for path in overlays]
    shipped = "\n".join(f"- `{path.name}`: {first}" for path, first in zip(overlays, firsts, strict=True))
    rows = key_rows(yaml.safe_load(text), schema, read_comments(text))
    table = ["| key | value | allowed | meaning |", "|---|---|---|---|", *rows]
    return HEAD.format(overlays=shipped) + "\n" + "\n".join(table) + "\n"


if __name__ == "__main__":
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    (HERE / "README.md").write_text(page(HERE, schema), encoding="utf-8")
