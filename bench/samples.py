"""What benchmarks measured: read from Google Benchmark's JSON, kept as one list of repetitions for each figure.

A results file is {"context": {...}, "samples": {"program/benchmark": {"time": [...], "p50": [...], ...}}, "skipped":
{"program/benchmark": reason}}. Times are in seconds, rates per second; each entry of a list is one repetition, in order.
"""

import json
import random
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

    def add_report(self, program, report):
        """Takes over what one run of a program reported, as Google Benchmark's JSON."""
        for row in report["benchmarks"]:
            if row.get("run_type", "iteration") != "iteration":
                continue
            name = f"{program}/{_SUFFIXES.sub('', row['run_name'])}"
            if row.get("error_occurred"):
                self.skipped[name] = row["error_message"]
                continue
            figures = self.samples.setdefault(name, {})
            figures.setdefault("time", []).append(row["real_time"] * _UNITS[row["time_unit"]])
            for counter, value in row.items():
                if counter not in _FIELDS:
                    renamed, unit = _RENAMED.get(counter, (counter, 1.0))
                    figures.setdefault(renamed, []).append(value * unit)

    def medians(self):
        return Medians(self.samples)


class Medians:
    """The median over the repetitions of a figure, as a function of a benchmark's name."""

    def __init__(self, samples, choose=lambda values: values):
        self._samples = samples
        self._choose = choose

    def __call__(self, name, figure="time"):
        """KeyError where it was not measured."""
        return statistics.median(self._choose(self._samples[name][figure]))

    def time(self, name):
        """Of a single operation, where these were timed one by one."""
        return self(name, "p50" if "p50" in self._samples[name] else "time")


def interval(samples, function, confidence=0.95, resamples=400):
    """Between which values function(medians) lies, by resampling repetitions: the bootstrap's percentiles."""
    generator = random.Random(1)
    values = sorted(
        function(Medians(samples, lambda values: generator.choices(values, k=len(values)))) for _ in range(resamples)
    )
    outside = (1 - confidence) / 2
    return values[int(outside * (resamples - 1))], values[round((1 - outside) * (resamples - 1))]
