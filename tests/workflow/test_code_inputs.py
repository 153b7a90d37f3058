"""An edit of a module reruns the rules whose results it shapes, and no others."""

import re

import pytest
from test_environments import REPO, SCRIPTS, SRC, follow_imports

PACKAGE = SRC / "galaxypair"
# how results are read, written, checked and shown on the way, not what they are
PLUMBING = {
    "distributed",
    "errors",
    "masking",
    "runtime",
    "fetch/address",
    "fetch/download",
    "fetch/http",
    "fetch/partial",
    "fetch/remote",
    "fetch/transfer",
    "fetch/whole",
    "ingest/rejection",
    "parallel",
}


def rules() -> dict[str, tuple[str, set[str]]]:
    """Script of each rule, and the modules listed as its code."""
    found = {}
    for path in sorted((REPO / "workflow" / "rules").glob("*.smk")):
        for rule in re.split(r"^(?= *rule \w+:)", path.read_text(), flags=re.MULTILINE)[1:]:
            script = re.search(r'script:\s+"\.\./scripts/(\w+\.py)"', rule)
            listed = re.search(r"(?:code|modules)=code\(([^)]*)\)", rule)
            if script:
                name = re.match(r" *rule (\w+)", rule)[1]
                found[name] = script[1], set(re.findall(r'"([^"]+)"', listed[1])) if listed else set()
    return found


def shaping_modules(script: str) -> set[str]:
    files, _ = follow_imports(SCRIPTS / script)
    names = {
        str(file.relative_to(PACKAGE).with_suffix(""))
        for file in files
        if file.is_relative_to(PACKAGE) and file.name != "__init__.py"
    }
    return {name for name in names if not name.startswith(("io/", "tables/"))} - PLUMBING


@pytest.mark.parametrize("rule", rules())
def test_rule_lists_the_modules_that_shape_its_result(rule):
    script, listed = rules()[rule]
    modules = {name for name in listed if "." not in name}
    assert modules == shaping_modules(script)
    assert [name for name in listed - modules if not (PACKAGE / name).is_file()] == []
