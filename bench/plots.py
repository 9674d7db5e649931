"""The two plots of a results file, as SVG beside it: calls a second by peer, and seconds by the size of an array."""

import math
import sys
from pathlib import Path

try:
    import matplotlib
except ImportError as missing:
    sys.exit(f"plots: {missing}")

from samples import Samples

matplotlib.use("svg")
matplotlib.rcParams.update(
    {"svg.hashsalt": "py4cpp", "svg.fonttype": "none", "font.size": 10, "figure.facecolor": "white"}
)

from matplotlib import pyplot  # noqa: E402

OURS, OTHERS = "#1f6fb4", "#9aa3ab"

# Name, benchmark, which figure is calls a second.
CALLS = [
    ("raw pipe, spinning (C to C)", "call/raw_pipe/spinning", None),
    ("raw pipe, blocking (C to C)", "call/raw_pipe/blocking", None),
    ("py4cpp, 1024 calls in flight", "async/in_flight/1024", "rate"),
    ("py4cpp, 128 calls in flight", "async/in_flight/128", "rate"),
    ("py4cpp, call", "call/calls/call_int / spinning", None),
    ("py4cpp, call, no spinning", "call/calls/call_int / blocking", None),
    ("py4cpp, callback from Python", "callback/callback/spinning", "rate"),
    ("pybind11 embedded, in one process", "pybind11/call", "rate"),
    ("iceoryx2, from Python", "iceoryx2/call", None),
    ("multiprocessing.Pipe", "pipe/call", None),
    ("ZeroMQ + pickle", "zeromq/call", None),
    ("py4cl (Common Lisp)", "py4cl/call", None),
    ("Arrow Flight", "pyarrow/call", None),
    ("Ray actor", "ray/call", None),
]

# Name, prefix of benchmarks that end in a size, whether it is ours.
ARRAYS = [
    ("py4cpp, hand over", "array/hand_over", True),
    ("py4cpp, hand back from numpy", "array/hand_back", True),
    ("py4cpp, copy in a std::span", "copy/span", True),
    ("memcpy", "copy/memcpy_warm", False),
    ("multiprocessing.SharedMemory, copied in", "shared_memory/array_over", False),
    ("multiprocessing.Pipe", "pipe/array_over", False),
    ("ZeroMQ + pickle", "zeromq/array_over", False),
    ("iceoryx2, from Python", "iceoryx2/array_over", False),
    ("Arrow Flight", "pyarrow/array_over", False),
    ("Ray, object store", "ray/array_over", False),
    ("py4cl, through a .npy file", "py4cl/array_over", False),
]


def _rate(medians, benchmark, figure):
    return medians(benchmark, figure) if figure else 1 / medians.time(benchmark)


def _measured(results):
    medians = results.medians()
    for name, benchmark, figure in CALLS:
        if benchmark in results.samples:
            yield name, _rate(medians, benchmark, figure)


def _caption(results):
    context = results.context
    return f"{context.get('machine', '')}\n{context.get('date', '')}, commit {context.get('commit', '')}, ./run bench"


def _save(figure, results, path):
    figure.text(0.01, 0.01, _caption(results), fontsize=6.5, color="#666666", va="bottom")
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def calls_by_peer(results, path):
    rows = sorted(_measured(results), key=lambda row: row[1])
    if not rows:
        return
    figure, axes = pyplot.subplots(figsize=(8, 0.36 * len(rows) + 1.4))
    names, rates = zip(*rows)
    bars = axes.barh(names, rates, color=[OURS if name.startswith("py4cpp") else OTHERS for name in names])
    axes.set_xscale("log")
    axes.set_xlim(10 ** math.floor(math.log10(min(rates))) / 2, max(rates) * 4)
    axes.bar_label(bars, [f" {rate / 1e6:.2g} M" if rate >= 1e6 else f" {rate / 1e3:.3g} k" for rate in rates])
    axes.set_xlabel("calls a second")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    _save(figure, results, path)


def seconds_by_size(results, path):
    medians = results.medians()
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, prefix, ours in ARRAYS:
        points = []
        for benchmark in results.samples:
            start, _, size = benchmark.rpartition("/")
            if start == prefix and size.isdigit():
                points.append((int(size), medians.time(benchmark)))
        if points:
            style = {"linewidth": 2.4, "marker": "o"} if ours else {"linewidth": 1.2, "marker": ".", "linestyle": "--"}
            axes.plot(*zip(*sorted(points)), label=name, **style)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    sizes = [1 << power for power in range(16, 33, 4)]
    axes.set_xticks(sizes, ["64 KiB", "1 MiB", "16 MiB", "256 MiB", "4 GiB"])
    axes.set_xlabel("size of the array")
    axes.set_ylabel("seconds until the other side has it")
    axes.grid(True, color="#e6e6e6")
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    _save(figure, results, path)


def draw(results, directory):
    calls_by_peer(results, directory / "calls.svg")
    if results.samples:
        seconds_by_size(results, directory / "arrays.svg")


if __name__ == "__main__":
    draw(Samples.load(sys.argv[1]), Path(sys.argv[1]).parent)
