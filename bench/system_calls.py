"""Which system calls a scalar call makes, on both sides, as strace counts them.

call_loop runs with few calls and with many; the difference is what calls cost, without start and end. strace slows both
sides down, so a side that spins seldom sees its answer while it does: what is counted is blocking calls.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
from measure import Suite, row, skip  # noqa: E402

FEW, MANY = 200, 1200


def workers(traces):
    """The threads of the process that the host started: of those clones that share no memory with their parent's."""
    parents = {}
    for thread, lines in traces.items():
        for line in lines:
            if match := re.match(r"(clone3?|v?fork)\(.*\) = (\d+)$", re.sub(r" => \{.*\}\)", ")", line)):
                parents[int(match[2])] = (thread, "CLONE_THREAD" in line)

    def in_worker(thread):
        parent, same_process = parents.get(thread, (None, True))
        return parent is not None and (not same_process or in_worker(parent))

    return {thread for thread in traces if in_worker(thread)}


def traced(program, calls):
    """System calls of the host and of the worker, by name."""
    with tempfile.TemporaryDirectory() as directory:
        command = ["strace", "-ff", "-o", f"{directory}/trace", program, str(calls), "blocking"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            skip(f"strace can't watch here: {done.stderr.strip()[-200:]}")
        traces = {
            int(trace.suffix[1:]): trace.read_text(errors="replace").splitlines() for trace in Path(directory).iterdir()
        }
    of_worker = workers(traces)
    sides = {"host": Counter(), "worker": Counter()}
    for thread, lines in traces.items():
        side = sides["worker" if thread in of_worker else "host"]
        side.update(match[1] for line in lines if (match := re.match(r"([a-z_0-9]+)\(", line)))
    return sides


def main():
    suite = Suite()
    if not shutil.which("strace"):
        skip("there is no strace")
    program = os.path.join(suite.options.rest[0], "call_loop")
    few, many = traced(program, FEW), traced(program, MANY)
    rows = []
    for side in ("host", "worker"):
        difference = many[side] - few[side]
        per_call = {name: round(count / (MANY - FEW), 2) for name, count in difference.items()}
        per_call = {name: count for name, count in sorted(per_call.items()) if count > 0.01}
        rows.append(row(f"{side}", 0.0, all=sum(per_call.values()), **per_call))
    suite.write(rows)


if __name__ == "__main__":
    main()
