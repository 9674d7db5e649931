"""The project's targets for speed, each with how its figure follows from what was measured in the same run.

A figure is a ratio of medians of benchmarks that ran by turns, or a median itself where the target is one.
"""

from dataclasses import dataclass
from typing import Callable

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
HANDED = [64 * KIB, MIB, 16 * MIB, 256 * MIB, GIB, 4 * GIB]


@dataclass(frozen=True)
class Target:
    what: str
    bound: str  # "at least" or "at most"
    limit: float
    unit: str  # "x" for a ratio
    figure: Callable  # of Medians; KeyError where something was not measured
    beside: tuple[str, Callable] | None = None  # a figure of the same unit to compare with, and what it is of

    def met(self, value):
        return value >= self.limit if self.bound == "at least" else value <= self.limit


def _ratio(figure, over):
    return lambda m: figure(m) / over(m)


def _time(name):
    return lambda m: m.time(name)


def _of(name, figure, unit=1.0):
    return lambda m: m(name, figure) / unit


def _handed(m, name):
    """The times of all sizes. One that had no room doesn't count; the first two must be there."""
    times = [m.time(f"{name}/{size}") for size in HANDED[:2]]
    for size in HANDED[2:]:
        try:
            times.append(m.time(f"{name}/{size}"))
        except KeyError:
            continue
    return times


def _flat(name):
    return lambda m: max(_handed(m, name)) / min(_handed(m, name))


def _slowest(name):
    return lambda m: max(_handed(m, name))


def _first_copy(m):
    reference = min(m(f"array_cold/fallocate_populate_memcpy/{how}/800000000") for how in ("mmap", "madvise", "faults"))
    return reference / m("array_cold/copy_in/800000000")


def _text(direction, least):
    def figure(m):
        return sum(m(f"text/{name}/{GIB}") for name in least) / m(f"text/{direction}/{GIB}")

    return figure


def _feed(size):
    return _ratio(_of(f"feed/feed/copied/{size}", "rate"), _of(f"feed/ring_of_threads/copied/{size}", "rate"))


def _overlap(both):
    def figure(m):
        return m(f"feed_overlap/{both}") / max(m("feed_overlap/train_alone"), m("feed_overlap/produce_alone"))

    return figure


_INT = "call/calls/call_int / spinning"

TARGETS = [
    Target("sync call, over the rate of a raw spinning pipe", "at least", 0.5, "x",
           _ratio(_time("call/raw_pipe/spinning"), _time(_INT))),
    Target("sync call, over the rate of py4cl", "at least", 30, "x", _ratio(_time("py4cl/call"), _time(_INT))),
    Target("sync call, over the rate of multiprocessing.Pipe", "at least", 20, "x",
           _ratio(_time("pipe/call"), _time(_INT))),
    Target("sync call with spinning off, over the rate of a raw blocking pipe", "at least", 0.8, "x",
           _ratio(_time("call/raw_pipe/blocking"), _time("call/calls/call_int / blocking"))),
    Target("asynchronous calls, 128 in flight", "at least", 1.0, "M/s", _of("async/in_flight/128", "rate", 1e6)),
    Target("callback round trip, over the rate of a raw spinning pipe", "at least", 0.5, "x",
           _ratio(_of("callback/callback/spinning", "rate"), _of("callback/raw_pipe/spinning", "rate"))),
    Target("eval of a repeated expression, over the time of a call", "at most", 1.3, "x",
           _ratio(_time("call/calls/eval / spinning"), _time(_INT))),
    Target("hand over 64 KiB to 4 GiB, slowest size over fastest", "at most", 1.5, "x", _flat("array/hand_over")),
    Target("hand over, slowest size over a scalar call", "at most", 2, "x",
           _ratio(_slowest("array/hand_over"), _time("array/scalar_over"))),
    Target("hand back 64 KiB to 4 GiB, slowest size over fastest", "at most", 1.5, "x", _flat("array/hand_back")),
    Target("hand back, slowest size over a scalar call", "at most", 2, "x",
           _ratio(_slowest("array/hand_back"), _time("array/scalar_back"))),
    Target("copy in a std::span of 800 MB, steady, over memcpy", "at least", 0.9, "x",
           _ratio(_of("copy/memcpy_warm/800000000", "time"), _of("copy/span/800000000", "time"))),
    Target("copy in an xtensor of 800 MB, steady, over memcpy", "at least", 0.9, "x",
           _ratio(_of("copy/memcpy_warm/800000000", "time"), _of("copy/xtensor/800000000", "time"))),
    Target("copy in 800 MB the first time, over fallocate + populate + memcpy", "at least", 0.9, "x", _first_copy),
    Target("allocate, pass, drop 1 MiB, over the rate of scalar calls", "at least", 0.4, "x",
           _ratio(_time("array/scalar_over"), _time(f"array/allocate_pass_drop/{MIB}"))),
    Target("the same, growth in segments", "at most", 0, "", _of(f"array/allocate_pass_drop/{MIB}", "grown")),
    *(Target(f"numpy in the worker, a*2+b of {text}, over its speed outside", "at least", 0.97, "x",
             _of(f"numpy/by_turns/{size}", "outside_over_inside"))
      for text, size in (("8 KiB", 8 * KIB), ("64 KiB", 64 * KIB), ("1 MiB", MIB), ("8 MiB", 8 * MIB),
                         ("80 MB", 80_000_000))),
    Target("worker start to first answer, beyond bare `python3 -c pass`", "at most", 15, "ms",
           lambda m: (m.time("start/worker") - m.time("start/bare/pass")) * 1e3),
    Target("sync call while a Python thread computes, p50", "at most", 1, "ms",
           lambda m: m.time("busy/busy_worker") * 1e3),
    Target("host memory per living handle", "at most", 100, "bytes",
           _of("handle/living_and_released/1000000", "bytes_per_handle")),
    Target("release of a million handles", "at most", 1, "s", _time("handle/living_and_released/1000000")),
    Target("idle worker, processor time of both sides in a second", "at most", 0, "ns",
           _of("idle/after_the_last_call", "cpu_ns_per_s")),
    Target("idle worker, quiet after the last call", "at most", 10, "ms",
           _of("idle/after_the_last_call", "quiet_after_ms")),
    Target("text of 1 GiB to Python, over memcpy and Python's decode", "at least", 0.8, "x",
           _text("text_over", ("memcpy_warm", "by_python/decode"))),
    Target("text of 1 GiB from Python, over memcpy and a fresh std::string", "at least", 0.8, "x",
           _text("text_back", ("memcpy_warm", "fresh_string"))),
    Target("bytes of 1 GiB to Python, over memcpy and Python's copy", "at least", 0.8, "x",
           _text("bytes_over", ("memcpy_warm", "by_python/copy_bytes"))),
    Target("bytes of 1 GiB from Python, over memcpy and a fresh std::string", "at least", 0.8, "x",
           _text("bytes_back", ("memcpy_warm", "fresh_string"))),
    Target("compile `#include <py4cpp/py4cpp.hpp>`, processor time", "at most", 2, "s",
           _of("build_cost/compile/py4cpp", "cpu_seconds")),
    Target("allocations of a scalar call in the host", "at most", 0, "",
           _of("allocation/allocated_by/call_int", "allocations_per_call")),
    *(Target(f"feed, {text} a batch, over a ring of buffers between two threads", "at least", 0.9, "x", _feed(size))
      for text, size in (("64 KiB", 64 * KIB), ("1 MiB", MIB), ("16 MiB", 16 * MIB))),
    Target("producing and training at once, over the slower of the two alone", "at most", 1.1, "x",
           _overlap("both_at_once"), ("without a feed", _overlap("both_unconnected"))),
]  # fmt: skip
