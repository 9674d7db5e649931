"""The programs of the suite: what `./run bench` runs, under which name, and how often in a round."""

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent

# How often each benchmark of a program runs in a round, and at least how many seconds each time. Often and briefly
# where what is compared takes microseconds: then a slow moment of the machine falls on a turn of either side.
_REPETITIONS = {"async": (15, 0.02), "call": (15, 0.02), "callback": (15, 0.02), "feed": (15, 0.02),
                "feed_overlap": (9, 0.05), "numpy": (9, 0.05), "text": (3, 0.05)}
# What takes long enough for its figures to be steady.
_LONG = {"array_cold", "build_cost", "handle", "idle", "system_calls"}
# Not for a quick look: what moves more than 64 MiB, makes a million of something, or waits.
_LARGE = "-/(67108864|268435456|800000000|80000000|1073741824|4294967296|1000000)(/|$)"
_QUICK = ["--benchmark_min_time=0", "--benchmark_repetitions=1", f"--benchmark_filter={_LARGE}"]


@dataclass(frozen=True)
class Program:
    name: str
    command: list
    environment: dict = field(default_factory=dict)

    def arguments(self, quick):
        if quick:
            return _QUICK
        repetitions, seconds = (1, 0.05) if self.name in _LONG else _REPETITIONS.get(self.name, (3, 0.05))
        return [
            f"--benchmark_min_time={seconds}",
            f"--benchmark_repetitions={repetitions}",
            f"--benchmark_enable_random_interleaving={'true' if repetitions > 1 else 'false'}",
        ]


def _is_ours(name):
    """Whether there is a source of that name: a build directory keeps the programs of older trees."""
    return any((room / f"{name}.cpp").exists() for room in (HERE, HERE / "peers"))


def available(binaries, python, peers_python):
    """All programs that can be run here, and why the others can't: a list and a dict of reasons by name."""
    built = [path for path in sorted(binaries.glob("*_bench")) if _is_ours(path.name)]
    programs = [Program(path.name.removesuffix("_bench"), [str(path)]) for path in built]
    reasons = {}
    for name in ("system_calls", "build_cost"):
        programs.append(Program(name, [sys.executable, str(HERE / f"{name}.py"), str(binaries)]))
    for name in ("pipe", "shared_memory", "zeromq"):
        programs.append(Program(name, [python, str(HERE / "peers" / f"{name}_peer.py")]))
    for name in ("iceoryx2", "pyarrow", "ray"):
        if peers_python:
            programs.append(Program(name, [peers_python, str(HERE / "peers" / f"{name}_peer.py")]))
        else:
            reasons[name] = "comes from PyPI: ask for it with --peers-pypi"
    if not any(program.name == "pybind11" for program in programs):
        reasons["pybind11"] = "its development files are not installed"
    py4cl = os.environ.get("PY4CPP_PY4CL", "")
    if not py4cl:
        reasons["py4cl"] = "PY4CPP_PY4CL names no copy of it"
    elif not shutil.which("sbcl"):
        reasons["py4cl"] = "there is no sbcl"
    else:
        programs.append(Program("py4cl", [sys.executable, str(HERE / "peers" / "py4cl_peer.py"), py4cl]))
    return programs, reasons
