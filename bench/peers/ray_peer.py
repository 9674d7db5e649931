"""Ray: calls of an actor's method, and arrays through its object store."""

import os
import tempfile

from measure import SIZES, Suite, skip

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
try:
    import numpy
    import ray
except ImportError as missing:
    skip(str(missing))


@ray.remote
class Actor:
    def int(self, text):
        return int(text)

    def take(self, array):
        return len(array)


def measure(suite, scratch):
    try:
        ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR", _temp_dir=scratch)
    except Exception as error:  # of a type that says nothing
        skip(f"Ray did not start: {' '.join(str(error).split())}")
    actor = Actor.remote()
    suite.add("call", lambda: ray.get(actor.int.remote("5")))
    for size in SIZES:
        array = numpy.ones(size // 8)
        suite.add(f"array_over/{size}", lambda array=array: ray.get(actor.take.remote(array)))
    suite.run()
    ray.shutdown()


def main():
    # Its sessions stay there; its processes may still write to them.
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as scratch:
        measure(Suite(), scratch)


if __name__ == "__main__":
    main()
