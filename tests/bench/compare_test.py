"""bench/compare: what it calls slower, and what it does not."""

import json
import os
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

COMPARE = Path(__file__).resolve().parents[2] / "bench" / "compare"


def repetitions(median, spread=0.02, count=9, seed=1):
    generator = random.Random(seed)
    return [median * generator.uniform(1 - spread, 1 + spread) for _ in range(count)]


class Compare(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def compare(self, before, after, *arguments, machines=("one", "one")):
        paths = []
        for name, times, machine in zip(("before", "after"), (before, after), machines):
            paths.append(str(self.directory / f"{name}.json"))
            samples = {key: {"time": values} for key, values in times.items()}
            content = {"context": {"machine": machine}, "samples": samples, "skipped": {}}
            Path(paths[-1]).write_text(json.dumps(content), encoding="utf-8")
        done = subprocess.run([COMPARE, *paths, *arguments], capture_output=True, text=True, check=False)
        self.assertNotIn("Traceback", done.stderr)
        return done

    def test_the_same_twice(self):
        times = {"call/x": repetitions(1e-6), "call/y": repetitions(2e-6)}
        done = self.compare(times, times)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("0 slower, 0 faster, 2 same", done.stdout)

    def test_what_became_slower_fails(self):
        done = self.compare(
            {"call/x": repetitions(1e-6), "call/y": repetitions(2e-6)},
            {"call/x": repetitions(1.3e-6, seed=2), "call/y": repetitions(2e-6, seed=2)},
        )
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"slower\s+1\.\d+ x .*call/x")
        self.assertNotIn("call/y", done.stdout)

    def test_what_became_faster_does_not_fail(self):
        done = self.compare({"call/x": repetitions(1.3e-6)}, {"call/x": repetitions(1e-6, seed=2)})
        self.assertEqual(done.returncode, 0)
        self.assertIn("1 faster", done.stdout)

    def test_noise_is_not_slower(self):
        done = self.compare(
            {"call/x": repetitions(1e-6, spread=0.5)}, {"call/x": repetitions(1.1e-6, spread=0.5, seed=2)}
        )
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_change_within_the_tolerance_is_the_same(self):
        before, after = {"call/x": repetitions(1e-6, 0.001)}, {"call/x": repetitions(1.03e-6, 0.001)}
        self.assertEqual(self.compare(before, after).returncode, 0)
        self.assertEqual(self.compare(before, after, "--tolerance", "0.01").returncode, 1)

    def test_what_the_machine_changed_by_widens_the_tolerance(self):
        before = {"call/x": repetitions(1e-6), "call/raw_pipe/blocking": repetitions(1e-6)}
        after = {name: repetitions(1.3e-6, seed=2) for name in before}
        done = self.compare(before, after)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"tolerance (2[0-9]|3[0-9])%")

    def test_references_are_not_judged(self):
        done = self.compare(
            {"call/x": repetitions(1e-6), "pipe/call": repetitions(1e-6), "copy/memcpy_warm/1": repetitions(1e-6)},
            {"call/x": repetitions(1e-6), "pipe/call": repetitions(9e-6), "copy/memcpy_warm/1": repetitions(1e-6)},
        )
        self.assertNotRegex(done.stdout, r"slower .*pipe/call")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_too_few_repetitions_say_nothing(self):
        done = self.compare({"call/x": [1e-6, 1e-6]}, {"call/x": [9e-6, 9e-6]})
        self.assertEqual(done.returncode, 0)
        self.assertIn("1 too few", done.stdout)

    def test_single_operations_count_where_they_were_timed(self):
        paths = []
        for name, p50 in (("before", 1e-6), ("after", 2e-6)):
            paths.append(self.directory / f"{name}.json")
            samples = {"call/x": {"time": [1e-6] * 9, "p50": [p50] * 9}}
            paths[-1].write_text(json.dumps({"context": {}, "samples": samples, "skipped": {}}), encoding="utf-8")
        self.assertEqual(subprocess.run([COMPARE, *paths], capture_output=True, check=False).returncode, 1)

    def test_other_machines_are_mentioned(self):
        times = {"call/x": repetitions(1e-6)}
        self.assertIn("two machines", self.compare(times, times, machines=("one", "two")).stdout)

    def test_what_is_gone_is_named(self):
        done = self.compare({"call/x": repetitions(1), "call/y": repetitions(1)}, {"call/x": repetitions(1)})
        self.assertRegex(done.stdout, "only in .*call/y")

    def test_files_that_can_not_be_compared(self):
        self.assertEqual(self.compare({"call/x": repetitions(1)}, {"call/y": repetitions(1)}).returncode, 2)
        missing = subprocess.run([COMPARE, os.devnull, self.directory / "none"], capture_output=True, check=False)
        self.assertEqual(missing.returncode, 2)


if __name__ == "__main__":
    unittest.main()
