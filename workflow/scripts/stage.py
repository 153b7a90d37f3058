"""The frame of every script: bind a rule's inputs, outputs and params to one typed function.

The same file runs under Snakemake and, for debugging, in a terminal (arguments from the signature).
Import it first: it makes the package importable and, under `--use-conda`, cuts the job off from
Snakemake's own site-packages, so that an env file that lacks a package fails instead of borrowing.
"""

import argparse
import inspect
import json
import os
import signal
import sys
import typing
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def _take() -> dict | None:
    job: typing.Any = getattr(sys.modules["__main__"], "snakemake", None)
    if not hasattr(job, "rule"):
        return None
    # read before the paths are cut: these objects import Snakemake's modules when they are used
    taken = {
        "arguments": dict([*job.input.items(), *job.output.items(), *job.params.items()]),
        "threads": job.threads,
        "log": Path(job.log[0]) if job.log else None,
        "rule": job.rule,
        "run": job.config.get("run", ""),
    }
    if os.environ.get("CONDA_PREFIX"):
        own = (sys.prefix, sys.base_prefix, REPO / "src", REPO / "workflow")
        _keep_only(own, sys.path, sys.modules)
        # for the processes that the job starts: packages of the user's home are no part of it either
        os.environ["PYTHONNOUSERSITE"] = "1"
    return taken


def _keep_only(folders: typing.Iterable[str | Path], paths: list[str], modules: dict) -> None:
    """Forget every import path and imported module outside these folders."""
    roots = [Path(os.path.realpath(folder)) for folder in folders]

    def inside(path: str) -> bool:
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(root) for root in roots)

    paths[:] = [path for path in paths if inside(path)]
    for name, module in list(modules.items()):
        file = getattr(module, "__file__", None)
        if file and not inside(file):
            del modules[name]


_JOB = _take()
# threads that wait in a loop for each other take the cores from the jobs beside: a training then takes five
# times as long. Read when PyTorch or scikit-learn is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
_TRACKED_ONLY = ("code", "tracked")  # inputs whose change reruns the rule, no arguments of it
sys.path.insert(0, str(REPO / "src"))
if _JOB:
    # before the script's other imports, which take seconds
    from galaxypair import presence

    presence.end_with_starter()
    presence.join(_JOB["run"], _JOB["rule"])


def stage(function: typing.Callable[..., None]) -> None:
    """Run `function` with the job's named inputs, outputs and params, or with the command line's.

    Parameters annotated as Path become paths (lists of strings become lists of paths for
    `list[Path]`, an absent input becomes None for `Path | None`); a parameter called `threads`
    gets the job's threads. An error that a user can mend is printed without its traceback, which
    goes to the log.

    Parameters
    ----------
    function : callable
        Its parameter names are those of the rule.
    """
    from galaxypair import errors, runtime

    hints = typing.get_type_hints(function)
    job = _JOB or _parse(function, hints)
    arguments, log, name = job["arguments"], job["log"], job["rule"]
    if _JOB and "threads" in inspect.signature(function).parameters:
        arguments = {**arguments, "threads": _JOB["threads"]}
    arguments = {k: v for k, v in arguments.items() if k not in _TRACKED_ONLY}
    try:
        if _JOB:
            # a batch system's time limit, as Ctrl-C
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        runtime.setup_logging(log)
        if _JOB:
            runtime.note_interpreter()
        _check_names(function, arguments)
        function(**{k: _convert(v, hints.get(k)) for k, v in arguments.items()})
    except KeyboardInterrupt:
        runtime.report_interruption(name)
        sys.exit(130)  # by the custom of shells
    except Exception as err:
        known = err if isinstance(err, errors.GalaxypairError) else errors.as_users_error(err)
        runtime.report_error(name, known or err, log)
        if known:
            sys.exit(1)
        raise


def _check_names(function: typing.Callable, arguments: dict) -> None:
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as err:
        raise TypeError(
            f"{err}: the rule gives {', '.join(arguments) or 'nothing'}, but the script's function takes "
            f"{', '.join(inspect.signature(function).parameters) or 'nothing'}"
        ) from None


def _convert(value: typing.Any, hint: typing.Any) -> typing.Any:
    if hint == Path | None:
        return Path(value) if value else None
    if hint is Path:
        return Path(value)
    if hint == list[Path]:
        return [Path(v) for v in ([value] if isinstance(value, str) else value)]
    return value


def _parse(function: typing.Callable, hints: dict) -> dict:
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    for name, par in inspect.signature(function).parameters.items():
        hint = hints.get(name, str)
        as_text = hint in (str, Path, Path | None, str | None, list[Path])
        required = par.default is par.empty
        parser.add_argument(
            "--" + name.replace("_", "-"),
            type=str if as_text else json.loads,
            nargs="*" if hint == list[Path] else None,
            required=required,
            default=None if required else par.default,
            help=None if as_text else "as JSON",
        )
    return {"arguments": vars(parser.parse_args()), "log": None, "rule": function.__name__}
