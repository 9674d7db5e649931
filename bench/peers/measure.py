"""What the peers' scripts share: Google Benchmark's options, and its JSON as the result."""

import argparse
import json
import random
import re
import sys
import time

SIZES = [64 << 10, 1 << 20, 16 << 20, 256 << 20]  # bytes of an array


def skip(reason):
    """Ends a script that can't run here."""
    print(reason, file=sys.stderr)
    sys.exit(77)


class Suite:
    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--benchmark_out", required=True)
        parser.add_argument("--benchmark_out_format")
        parser.add_argument("--benchmark_repetitions", type=int, default=1)
        parser.add_argument("--benchmark_min_time", type=float, default=0.05)
        parser.add_argument("--benchmark_enable_random_interleaving")
        parser.add_argument("--benchmark_filter", default="")
        parser.add_argument("rest", nargs="*")
        self.options = parser.parse_args()
        self._benchmarks = []

    def wanted(self, name):
        pattern = self.options.benchmark_filter
        if pattern.startswith("-"):
            return not re.search(pattern[1:], name)
        return re.search(pattern, name) is not None

    def add(self, name, operation, prepare=lambda: None):
        """`operation` is timed each time that it is called; `prepare` comes once before, in each repetition."""
        if self.wanted(name):
            self._benchmarks.append((name, operation, prepare))

    def run(self):
        turns = self._benchmarks * self.options.benchmark_repetitions
        random.shuffle(turns)
        rows = [self._row(*turn) for turn in turns]
        self.write(rows)

    def _row(self, name, operation, prepare):
        prepare()
        operation()
        times = []
        until = time.perf_counter() + self.options.benchmark_min_time
        while True:
            start = time.perf_counter()
            operation()
            end = time.perf_counter()
            times.append(end - start)
            if end >= until:
                break
        times.sort()
        mean = sum(times) / len(times)
        return row(
            name,
            mean,
            items_per_second=1 / mean,
            p50_ns=times[len(times) // 2] * 1e9,
            p99_ns=times[int(0.99 * (len(times) - 1))] * 1e9,
        )

    def write(self, rows):
        with open(self.options.benchmark_out, "w", encoding="utf-8") as file:
            json.dump({"benchmarks": rows}, file)


def row(name, seconds, **counters):
    return {"run_name": name, "run_type": "iteration", "real_time": seconds, "time_unit": "s", **counters}
