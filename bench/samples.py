"""What benchmarks measured: read from Google Benchmark's JSON, kept as one list of repetitions for each figure.

A results file is {"context": {...}, "samples": {"program/benchmark": {"time": [...], "p50": [...], ...}}, "skipped":
{"program/benchmark": reason}}. Times are in seconds, rates per second; each entry of a list is one repetition, and
"round" says in which round it was.
"""

import json
import re
import statistics

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_SUFFIXES = re.compile(r"/(real_time|manual_time|iterations:\d+|repeats:\d+)(?=/|$)")
# What Google Benchmark writes beside the counters of a benchmark.
_FIELDS = {
    "cpu_time", "error_message", "error_occurred", "family_index", "iterations", "name", "per_family_instance_index",
    "real_time", "repetition_index", "repetitions", "run_name", "run_type", "threads", "time_unit",
}  # fmt: skip
_RENAMED = {"p50_ns": ("p50", 1e-9), "p99_ns": ("p99", 1e-9), "items_per_second": ("rate", 1.0)}


class Samples:
    """The repetitions of each benchmark, and why some have none."""

    def __init__(self, context=None, samples=None, skipped=None):
        self.context = context or {}
        self.samples = samples or {}
        self.skipped = skipped or {}

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        return cls(content["context"], content["samples"], content["skipped"])

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(vars(self), file, indent=1)
            file.write("\n")

    def add_report(self, program, report, turn=0):
        """Takes over what one run of a program reported in that round, as Google Benchmark's JSON."""
        for row in report["benchmarks"]:
            if row.get("run_type", "iteration") != "iteration":
                continue
            name = f"{program}/{_SUFFIXES.sub('', row['run_name'])}"
            if row.get("error_occurred"):
                self.skipped[name] = row["error_message"]
                continue
            figures = self.samples.setdefault(name, {})
            figures.setdefault("round", []).append(turn)
            figures.setdefault("time", []).append(row["real_time"] * _UNITS[row["time_unit"]])
            for counter, value in row.items():
                if counter not in _FIELDS:
                    renamed, unit = _RENAMED.get(counter, (counter, 1.0))
                    figures.setdefault(renamed, []).append(value * unit)

    def medians(self):
        return Medians(self.samples)

    def by_round(self, function):
        """function(medians) of each round that has what it needs. KeyError if none has."""
        turns = {turn for figures in self.samples.values() for turn in figures["round"]}
        values = []
        for turn in sorted(turns):
            try:
                values.append(function(Medians(self.samples, turn)))
            except KeyError:
                continue
        return values or [function(Medians(self.samples))]


class Medians:
    """The median over the repetitions of a figure, of one round or of all, as a function of a benchmark's name."""

    def __init__(self, samples, turn=None):
        self._samples = samples
        self._turn = turn

    def __call__(self, name, figure="time"):
        """KeyError where it was not measured."""
        figures = self._samples[name]
        values = [
            value for value, turn in zip(figures[figure], figures["round"]) if self._turn is None or turn == self._turn
        ]
        if not values:
            raise KeyError(name)
        return statistics.median(values)

    def time(self, name):
        """Of a single operation, where these were timed one by one."""
        return self(name, "p50" if "p50" in self._samples[name] else "time")
