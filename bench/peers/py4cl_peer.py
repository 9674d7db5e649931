"""py4cl, Common Lisp's bridge to Python, of which this project took its API: under SBCL, from the directory given."""

import os
import subprocess
import tempfile
from pathlib import Path

from measure import SIZES, Suite, row, skip

SCRIPT = Path(__file__).resolve().parent / "py4cl.lisp"


def measured(directory, seconds, names):
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="py4cl-") as scratch:
        where = [directory, os.environ["PY4CPP_PYTHON"], scratch]
        done = subprocess.run(
            ["sbcl", "--script", SCRIPT, *where, str(max(seconds, 0.001)), *names],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    if done.returncode != 0:
        skip(f"py4cl in {directory} can't be used: {' '.join(done.stderr.split())[:300]}")
    for line in done.stdout.splitlines():
        match line.split():
            case [name, one, _] if name in names:
                yield name, float(one)


def main():
    suite = Suite()
    names = ["call", "callback", *(f"array_over/{size}" for size in SIZES[:3])]
    names = [name for name in names if suite.wanted(name)]
    rows = []
    for _ in range(suite.options.benchmark_repetitions):
        for name, seconds in measured(suite.options.rest[0], 5 * suite.options.benchmark_min_time, names):
            rows.append(row(name, seconds, items_per_second=1 / seconds))
    suite.write(rows)


if __name__ == "__main__":
    main()
