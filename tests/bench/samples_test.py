"""bench/samples.py, report.py and targets.py: from what a program reports to the table of targets."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
import report  # noqa: E402
from samples import Samples  # noqa: E402
from targets import TARGETS, Target  # noqa: E402


def row(name, real_time, unit="ns", **more):
    return {"run_name": name, "run_type": "iteration", "real_time": real_time, "time_unit": unit, **more}


class Reports(unittest.TestCase):
    def setUp(self):
        self.results = Samples()

    def add(self, *rows, program="call"):
        self.results.add_report(program, {"benchmarks": list(rows)})

    def test_repetitions_come_together_in_seconds(self):
        self.add(row("x/5/real_time", 3.0, "us"), row("x/5/real_time", 1.0, "us"))
        self.add(row("x/5/iterations:3/manual_time", 2.0, "us"))
        self.assertEqual(self.results.samples["call/x/5"]["time"], [3e-6, 1e-6, 2e-6])
        self.assertEqual(self.results.medians()("call/x/5"), 2e-6)

    def test_aggregates_are_left_out(self):
        self.add(row("x", 1.0), {**row("x", 9.0), "run_type": "aggregate"})
        self.assertEqual(len(self.results.samples["call/x"]["time"]), 1)

    def test_counters_keep_their_names(self):
        self.add(row("x", 1.0, p50_ns=2.0, items_per_second=1e6, grown=0.0, iterations=7, threads=1))
        self.assertEqual(
            self.results.samples["call/x"], {"round": [0], "time": [1e-9], "p50": [2e-9], "rate": [1e6], "grown": [0.0]}
        )
        self.assertEqual(self.results.medians().time("call/x"), 2e-9)

    def test_skipped_ones_say_why(self):
        self.add({**row("x/4294967296", 0.0), "error_occurred": True, "error_message": "no room"})
        self.assertEqual(self.results.skipped, {"call/x/4294967296": "no room"})
        self.assertEqual(self.results.samples, {})

    def test_saved_and_loaded(self):
        self.add(row("x", 1.0))
        with tempfile.TemporaryDirectory() as directory:
            self.results.save(Path(directory) / "results.json")
            self.assertEqual(vars(Samples.load(Path(directory) / "results.json")), vars(self.results))

    def test_a_figure_is_taken_within_each_round(self):
        for turn, slow in enumerate((1, 10, 1)):
            rows = [row("a", 3.0 * slow), row("a", 2.0 * slow), row("a", 1.0 * slow), row("b", 4.0 * slow)]
            self.results.add_report("call", {"benchmarks": rows}, turn)
        ratios = self.results.by_round(lambda m: m("call/b") / m("call/a"))
        for ratio in ratios:
            self.assertAlmostEqual(ratio, 2.0)
        self.assertEqual(len(ratios), 3)

    def test_a_round_that_lacks_a_benchmark_is_left_out(self):
        self.results.add_report("call", {"benchmarks": [row("a", 1.0), row("b", 2.0)]}, 0)
        self.results.add_report("call", {"benchmarks": [row("a", 1.0)]}, 1)
        self.assertEqual(len(self.results.by_round(lambda m: m("call/b") / m("call/a"))), 1)
        with self.assertRaises(KeyError):
            self.results.by_round(lambda m: m("call/c"))


class Targets(unittest.TestCase):
    def test_limits_on_both_sides(self):
        self.assertTrue(Target("", "at least", 0.5, "x", None).met(0.5))
        self.assertFalse(Target("", "at least", 0.5, "x", None).met(0.49))
        self.assertTrue(Target("", "at most", 15, "ms", None).met(15))
        self.assertFalse(Target("", "at most", 15, "ms", None).met(15.1))

    def test_what_was_not_measured_is_said(self):
        table = report.targets(Samples({}, {}, {"py4cl": "names no copy of it"}))
        self.assertEqual(len(table.splitlines()), len(TARGETS) + 2)
        self.assertIn("not measured: names no copy of it", table)
        self.assertNotIn("| yes |", table)

    def test_a_ratio_is_one_of_medians(self):
        samples = {
            "call/raw_pipe/spinning": {"round": [0] * 3, "time": [9.0] * 3, "p50": [1.0, 2.0, 6.0]},
            "call/calls/call_int / spinning": {"round": [0] * 3, "time": [9.0] * 3, "p50": [5.0, 4.0, 3.0]},
        }
        self.assertIn(
            "| sync call, over the rate of a raw spinning pipe | ≥ 0.5 × | 0.5 × |",
            report.targets(Samples({}, samples)),
        )

    def test_what_a_target_is_compared_with_stands_beside_it(self):
        def sample(*times):
            return {"round": [0] * len(times), "time": list(times)}

        samples = {f"feed_overlap/{side}_alone": sample(2.0, 1.0, 3.0) for side in ("produce", "train")}
        samples["feed_overlap/both_at_once"] = sample(2.2)
        self.assertIn("| 1.1 × | 1.1 – 1.1 | yes |", report.targets(Samples({}, samples)))
        samples["feed_overlap/both_unconnected"] = sample(2.1)
        self.assertIn("| 1.1 × (without a feed 1.05 ×) | 1.1 – 1.1 | yes |", report.targets(Samples({}, samples)))


if __name__ == "__main__":
    unittest.main()
