"""Calls that could run what a file holds, or show a server to others: none is in the sources.

What is allowed stands here by name, with the reason.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
FOLDERS = ("src", "workflow", "benchmarks", "config", "envs")
SOURCES = sorted(path for folder in FOLDERS for path in (REPO / folder).rglob("*.py"))
RULES = sorted([*(REPO / "workflow").rglob("*.smk"), REPO / "workflow" / "Snakefile", REPO / "Snakefile"])

# modules whose loaders run what they read
PICKLING = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle", "pickletools"}
IMPORTING = {
    "src/galaxypair/io/checkpoints.py": "pickle: a reader that makes nothing but tensors",
    "src/galaxypair/training.py": "pickle: the name of an error",
}
NEVER = {  # by the last part of their names
    *("read_pickle", "to_pickle", "load_from_checkpoint", "hub_load", "popen"),
    *("extractall", "unpack_archive", "full_load", "unsafe_load", "load_all"),
}
NEVER_WHOLE = {"eval", "exec", "os.system", "yaml.load", "torch.hub.load", "torch.jit.load"}
NEEDED = {  # a call and the argument that makes it safe
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
CHECKED = "src/galaxypair/io/checkpoints.py"  # its own unpickler in place of weights_only
OPENING = {  # the only places that open HDF5 files to read, since they refuse links out of them
    "src/galaxypair/io/files.py": "checks",
    "src/galaxypair/fetch/remote.py": "checks",
    "benchmarks/preprocess.py": "copies a file that it made",
}


def name_of(node: ast.expr) -> str:
    """Dotted name of what is called, as far as it has one."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield name_of(node.func), node


def argument(call: ast.Call, name: str) -> object:
    """Constant that an argument is given by its name; an ellipsis if it is something else, None if absent."""
    found = [word.value for word in call.keywords if word.arg == name]
    return (found[0].value if isinstance(found[0], ast.Constant) else ...) if found else None


def opens_to_read(call: ast.Call) -> bool:
    mode = call.args[1] if len(call.args) > 1 else None
    return not (isinstance(mode, ast.Constant) and mode.value in ("w", "x", "a"))


def faults_of_call(called: str, call: ast.Call, file: str) -> list[str]:
    found = []
    if called in NEVER_WHOLE or called.rpartition(".")[2] in NEVER:
        found.append(f"calls {called}")
    name, safe = NEEDED.get(called, ("", None))
    if name and file != CHECKED and argument(call, name) is not safe:
        found.append(f"{called} without {name}={safe}")
    if argument(call, "ckpt_path") is not None and argument(call, "weights_only") is not True:
        found.append("goes on from a checkpoint without weights_only=True")
    if argument(call, "trust_remote_code") is not None or argument(call, "shell") is not None:
        found.append("trust_remote_code or shell")
    if called == "h5py.File" and file not in OPENING and opens_to_read(call):
        found.append("opens HDF5 to read: use io.open_hdf5")
    return found


def faults(text: str, file: str) -> list[str]:
    """What a source does that no source may."""
    tree, found = ast.parse(text), []
    for node in ast.walk(tree):
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if PICKLING & {module.partition(".")[0] for module in imported} and file not in IMPORTING:
            found.append(f"imports {imported[0]}")
        if isinstance(node, ast.Constant) and node.value in ("0.0.0.0", "::"):
            found.append("a server for everybody: bind to 127.0.0.1")
    for called, call in calls(tree):
        found += faults_of_call(called, call, file)
    return found


def test_no_source_runs_what_a_file_holds():
    assert len(SOURCES) > 200
    read = {str(path.relative_to(REPO)): path.read_text(encoding="utf-8") for path in SOURCES}
    assert {file: found for file, text in read.items() if (found := faults(text, file))} == {}
    assert [name for name in (*IMPORTING, *OPENING, CHECKED) if name not in read] == []


def test_no_rule_runs_what_a_file_holds():
    words = ("pickle", "eval(", "exec(", "shell:", "0.0.0.0", "urlopen")
    assert [(path.name, word) for path in RULES for word in words if word in path.read_text()] == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "import cloudpickle.x as c",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=chosen)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "Module.load_from_checkpoint(path)",
        "trainer.fit(task, ckpt_path=last)",
        "yaml.load(text)",
        "yaml.full_load(text)",
        "datasets.load_dataset(name, trust_remote_code=True)",
        "eval(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "tarfile.open(path).extractall(folder)",
        "shutil.unpack_archive(path)",
        "h5py.File(path)",
        "h5py.File(path, 'r')",
        "HTTPServer(('0.0.0.0', 80), handler)",
    ],
)
def test_each_fault_is_found(line):
    assert faults(line, "src/galaxypair/new.py") != []


def test_safe_calls_are_no_faults():
    text = (
        "torch.load(p, weights_only=True)\nnp.load(p, allow_pickle=False)\nmodel.eval()\nyaml.safe_load(t)\n"
        "h5py.File(p, 'w')\ntrainer.fit(t, ckpt_path=c, weights_only=True)\nsubprocess.run([a])\n"
    )
    assert faults(text, "src/galaxypair/new.py") == []


def test_servers_of_the_tests_are_for_this_machine_alone():
    for path in (REPO / "tests").rglob("*.py"):
        for called, call in calls(ast.parse(path.read_text(encoding="utf-8"))):
            if called.endswith(("HTTPServer", ".bind")):
                (address, *_) = call.args
                assert isinstance(address, ast.Tuple) and address.elts[0].value == "127.0.0.1", path.name
