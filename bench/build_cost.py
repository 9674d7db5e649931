"""What the library costs a program that uses it: seconds to compile its header, beside the xtensor headers that it must
bring, the smaller header that has all but BigInt, feeds and the like, and where it has been precompiled; and bytes that
it adds to a program that makes one call, linked statically."""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
from measure import Suite, row, skip  # noqa: E402

XTENSOR = "".join(f"#include <xtensor/x{name}.hpp>\n" for name in ("array", "tensor", "builder", "math", "view"))
PRECOMPILED = "py4cpp_precompiled"  # as CMake's target_precompile_headers does it
SOURCES = {
    "nothing": "int main() {}\n",
    "xtensor": XTENSOR + "int main() {}\n",
    "py4cpp": "#include <py4cpp/py4cpp.hpp>\nint main() {}\n",
    "py4cpp_python": "#include <py4cpp/python.hpp>\nint main() {}\n",
    PRECOMPILED: "int main() {}\n",
    "py4cpp_call": '#include <py4cpp/py4cpp.hpp>\nint main() { return py4cpp::Python().call<int>("int", "0"); }\n',
}


def precompile(compiler, flags, directory):
    """The flags that make use of it."""
    header = Path(directory) / "precompiled.hpp"
    header.write_text("#include <py4cpp/py4cpp.hpp>\n", encoding="utf-8")
    subprocess.run([*compiler, *flags, "-x", "c++-header", str(header), "-o", f"{header}.gch"], check=True)
    return ["-include", str(header)]


def compiled(compiler, flags, source, directory):
    path = Path(directory) / "program.cpp"
    path.write_text(SOURCES[source], encoding="utf-8")
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*compiler, *flags, "-c", str(path), "-o", f"{directory}/{source}.o"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return row(f"compile/{source}", time.perf_counter() - start, cpu_seconds=processor)


def size_of(compiler, directory, source, libraries):
    program = f"{directory}/{source}"
    subprocess.run([*compiler, "-s", f"{program}.o", "-o", program, *libraries, "-pthread"], check=True)
    return os.path.getsize(program)


def main():
    suite = Suite()
    settings = Path(suite.options.rest[0]) / "build_cost.txt"
    if not settings.exists():
        skip("it was built without build_cost.txt")
    compiler, flags, archive, shared = settings.read_text(encoding="utf-8").splitlines()
    compiler = [compiler]
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        flags = flags.split(";")
        precompiled = precompile(compiler, flags, directory)
        for source in random.sample(sorted(SOURCES), len(SOURCES)):
            more = precompiled if source == PRECOMPILED else []
            rows.append(compiled(compiler, [*flags, *more], source, directory))
        plain = size_of(compiler, directory, "nothing", [])
        linked = size_of(compiler, directory, "py4cpp_call", [archive])
    rows.append(row("size", 0.0, static_bytes=linked - plain, shared_library_bytes=os.path.getsize(shared)))
    suite.write(rows)


if __name__ == "__main__":
    main()
