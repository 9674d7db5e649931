"""The whole suite, each benchmark once and small: all of them run, or say why not, and the results are written.

Environment: BENCH_BINARIES is where the programs are, PY4CPP_PYTHON the interpreter that has numpy.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
from samples import Samples  # noqa: E402

BINARIES = Path(os.environ["BENCH_BINARIES"])
# Compiling takes longer than everything else.
LEFT_OUT = {"build_cost"}


class Suite(unittest.TestCase):
    def test_every_program_measures_something_or_says_why_not(self):
        ours = {path.name.removesuffix("_bench") for path in BINARIES.glob("*_bench")}
        self.assertIn("call", ours)
        names = sorted((ours | {"pipe", "shared_memory", "zeromq", "py4cl", "ray", "system_calls"}) - LEFT_OUT)
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(
                [
                    sys.executable,
                    ROOT / "bench" / "suite.py",
                    "--quick",
                    "--binaries",
                    BINARIES,
                    "--out",
                    directory,
                    *names,
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
            results = Samples.load(Path(directory) / "results.json")
            markdown = (Path(directory) / "results.md").read_text(encoding="utf-8")
        for name in names:
            measured = [key for key in results.samples if key.startswith(f"{name}/")]
            skipped = [key for key in results.skipped if key == name or key.startswith(f"{name}/")]
            self.assertTrue(measured or skipped, name)
        self.assertIn("call/calls/call_int / blocking", results.samples)
        self.assertGreater(results.samples["call/calls/call_int / blocking"]["time"][0], 0)
        self.assertLess(results.samples["allocation/allocated_by/nothing"]["allocations_per_call"][0], 0.5)
        self.assertGreaterEqual(results.samples["allocation/allocated_by/one_vector"]["allocations_per_call"][0], 1.0)
        self.assertIn("`call/calls/call_int / blocking`", markdown)

    def test_an_unknown_name_is_refused(self):
        done = subprocess.run(
            [sys.executable, ROOT / "bench" / "suite.py", "--binaries", BINARIES, "nonsense"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("no benchmark nonsense", done.stderr)


if __name__ == "__main__":
    unittest.main()
