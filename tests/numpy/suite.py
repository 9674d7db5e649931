"""numpy's own tests, run in whatever process imports this, and the comparison of two runs.

    suite.run("inside.json", ["numpy.fft", "numpy.linalg"])    # by pytest; in a worker, or in a plain interpreter
    python3 suite.py run outside.json numpy.fft numpy.linalg   # the latter as a command
    python3 suite.py compare outside.json inside.json          # exit code 1 if a test fails in one of them alone
    suite.run_plain(["numpy.polynomial.tests.test_legendre"])  # without pytest: modules that don't need it
"""

import importlib
import json
import sys
import unittest
import warnings


class _Outcomes:
    """A pytest plugin: what became of each test, and of each file that couldn't be collected."""

    def __init__(self):
        self.of = {}

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.of[report.nodeid] = "failed"
        elif report.when == "call" or report.skipped:
            self.of.setdefault(report.nodeid, report.outcome)

    def pytest_collectreport(self, report):
        if report.failed:
            self.of[report.nodeid] = "failed"


def run(report, modules=None):
    """Runs the fast tests of the modules, all of numpy's by default, and writes their outcomes as JSON."""
    import numpy
    import pytest

    outcomes = _Outcomes()
    # A file that can't be collected counts as one failed test.
    options = ["-q", "--continue-on-collection-errors", "-p", "no:cacheprovider", "-m", "not slow", "-W", "ignore"]
    pytest.main([*options, "--pyargs", *(modules or ["numpy"])], plugins=[outcomes])
    with open(report, "w") as file:
        json.dump({"numpy": numpy.__version__, "outcomes": outcomes.of}, file)


def compare(outside, inside):
    """Prints how two runs differ. Whether nothing fails in one of them that passes in the other."""
    runs = []
    for report in outside, inside:
        with open(report) as file:
            runs.append(json.load(file))
    for name, run in zip(("outside", "inside"), runs):
        outcomes = list(run["outcomes"].values())
        counts = (f"{outcomes.count(word)} {word}" for word in ("passed", "failed", "skipped"))
        print(f"{name:8} numpy {run['numpy']}: " + ", ".join(counts))
    before, after = (run["outcomes"] for run in runs)
    differ = [test for test in sorted({*before, *after}) if before.get(test) != after.get(test)]
    for test in differ:
        print(f"  {test}: {before.get(test, 'not run')} outside, {after.get(test, 'not run')} inside")
    for test in sorted(before):
        if before[test] == after.get(test) == "failed":
            print(f"  {test}: fails in both")
    return not differ and "passed" in before.values()


def run_plain(modules):
    """The outcomes, by name, of the test functions and methods of modules that need no fixture."""
    outcomes = {}
    for name in modules:
        module = importlib.import_module(name)
        for function in [name for name in vars(module) if name.startswith("test")]:
            outcomes[f"{name}.{function}"] = _outcome(getattr(module, function))
        for kind in [kind for kind in vars(module).values() if isinstance(kind, type)]:
            if kind.__name__.startswith("Test") and kind.__module__ == name and not issubclass(kind, unittest.TestCase):
                for method in [method for method in dir(kind) if method.startswith("test")]:
                    outcomes[f"{name}.{kind.__name__}.{method}"] = _outcome_of_method(kind(), method)
    return outcomes


def _outcome_of_method(instance, method):
    def test():
        for prepare in "setup_method", "setup":
            getattr(instance, prepare, lambda: None)()
        try:
            getattr(instance, method)()
        finally:
            getattr(instance, "teardown_method", lambda: None)()

    return _outcome(test)


def _outcome(test):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            test()
    except unittest.SkipTest:
        return "skipped"
    except Exception as error:
        return f"failed: {type(error).__name__}: {error}"
    return "passed"


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "run":
        run(arguments[0], arguments[1:])
    elif command == "plain":
        json.dump(run_plain(arguments), sys.stdout)
    else:
        sys.exit(not compare(*arguments))
