"""Runs the benchmarks by turns, in rounds, and writes what came out: JSON, Markdown, plots. `./run bench` calls it.

In each round every program runs once, and interleaves its own benchmarks at random, so that what is compared was
measured within the same seconds, and a slow stretch of the machine is everybody's.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from programs import available
from samples import Samples

HERE = Path(__file__).resolve().parent
ROUNDS = 3


def output_of(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
    except OSError:
        return ""
    return done.stdout.strip()


def machine():
    fields = {}
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    cpus = len(os.sched_getaffinity(0))
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{fields.get('model name', platform.machine())}, {cpus} CPUs, {memory} GiB, Linux {kernel}"


def load():
    return "{:.2f}".format(os.getloadavg()[0])


def command(arguments):
    words = ["./run bench", *arguments.names, *(["--peers-pypi"] if arguments.peers_python else [])]
    return " ".join(words + ([f"--rounds {arguments.rounds}"] if arguments.rounds != ROUNDS else []))


def context(arguments):
    changed = "" if output_of("git", "status", "--porcelain") == "" else ", with changes"
    return {
        "machine": machine(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": (output_of("git", "rev-parse", "--short", "HEAD") or "unknown") + changed,
        "command": command(arguments),
        "interpreter": output_of(os.environ["PY4CPP_PYTHON"], "--version"),
        "load at the start": load(),
    }


def run(program, turn, quick, results):
    """One run of one program. Returns what went wrong, or nothing."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out.json"
        command = [*program.command, f"--benchmark_out={out}", "--benchmark_out_format=json", *program.arguments(quick)]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, **program.environment},
        )
        if done.returncode == 77:  # it says why it can't run here
            results.skipped[program.name] = done.stderr.strip().rpartition("\n")[2]
            return None  # and is not asked again
        try:
            content = json.loads(out.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = {"benchmarks": []}
        results.add_report(program.name, content, turn)
        if done.returncode != 0 or not content["benchmarks"]:
            return f"{program.name} ended with status {done.returncode}\n{done.stderr[-2000:]}"
    return None


def run_all(programs, rounds, quick, results):
    failures = []
    started = time.monotonic()
    for turn in range(rounds * len(programs)):
        program = programs[turn % len(programs)]
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        position = f"[{turn + 1}/{rounds * len(programs)} {minutes}:{seconds:02}]"
        print(f"{position} round {turn // len(programs) + 1}: {program.name}", flush=True)
        if program.name in results.skipped:
            continue
        failed = run(program, turn // len(programs), quick, results)
        if failed:
            print(failed, file=sys.stderr, flush=True)
            failures.append(program.name)
    return failures


def chosen(programs, reasons, names):
    if not names:
        return programs, reasons
    known = {program.name for program in programs} | reasons.keys()
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return (
        [program for program in programs if program.name in names],
        {name: reason for name, reason in reasons.items() if name in names},
    )


def write(results, directory, python):
    directory.mkdir(parents=True, exist_ok=True)
    results.save(directory / "results.json")
    (directory / "results.md").write_text(report.markdown(results), encoding="utf-8")
    # The interpreter that has the packages may be another than ours.
    drawn = subprocess.run([python, str(HERE / "plots.py"), str(directory / "results.json")], check=False)
    if drawn.returncode != 0:
        print("without plots")


def save(results):
    """Into the source tree: what README and RESULTS.md show."""
    write(results, HERE / "results", os.environ["PY4CPP_PYTHON"])
    page = HERE / "RESULTS.md"
    page.write_text(report.with_targets(page.read_text(encoding="utf-8"), results), encoding="utf-8")


def show(results, quick):
    print(f"\n{report.figures(results)}\n")
    if not quick:
        print(f"{report.targets(results)}\n")
    for name, reason in sorted(results.skipped.items()):
        print(f"not measured: {name}: {reason}")


def main():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="run these alone: call, array, pipe ...")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="each once and small: shows that they work, not how fast")
    parser.add_argument("--out", type=Path, help="directory of the results")
    parser.add_argument(
        "--save", action="store_true", help="also into bench/results and RESULTS.md; all benchmarks only"
    )
    parser.add_argument("--binaries", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers-python", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.save and (arguments.names or arguments.quick):
        parser.error("--save is for a full run")
    python = os.environ.setdefault("PY4CPP_PYTHON", "/usr/bin/python3")
    programs, reasons = available(arguments.binaries, python, arguments.peers_python)
    programs, reasons = chosen(programs, reasons, arguments.names)
    results = Samples(context(arguments), {}, dict(reasons))
    failures = run_all(programs, 1 if arguments.quick else arguments.rounds, arguments.quick, results)
    results.context["load at the end"] = load()
    show(results, arguments.quick)
    if arguments.out:
        write(results, arguments.out, python)
        print(f"written to {arguments.out}")
    if arguments.save:
        save(results)
    if failures:
        sys.exit(f"failed: {', '.join(dict.fromkeys(failures))}")


if __name__ == "__main__":
    main()
