"""multiprocessing.Pipe: calls and arrays between two Python processes, pickled."""

import builtins
import multiprocessing

from measure import SIZES, Suite, skip

try:
    import numpy
except ImportError:
    skip("this interpreter has no numpy")


def serve(pipe):
    array = None
    while True:
        name, argument = pipe.recv()
        if name == "stop":
            return
        if name == "take":
            pipe.send(None)
        elif name == "make":
            array = numpy.ones(argument // 8)
            pipe.send(None)
        elif name == "give":
            pipe.send(array)
        else:
            pipe.send(getattr(builtins, name)(argument))


def main():
    suite = Suite()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=serve, args=(theirs,))
    child.start()

    def ask(name, argument=None):
        ours.send((name, argument))
        return ours.recv()

    suite.add("call", lambda: ask("int", "5"))
    for size in SIZES:
        array = numpy.ones(size // 8)
        suite.add(f"array_over/{size}", lambda array=array: ask("take", array))
        suite.add(f"array_back/{size}", lambda: ask("give"), prepare=lambda size=size: ask("make", size))
    suite.run()
    ours.send(("stop", None))
    child.join()


if __name__ == "__main__":
    main()
