"""multiprocessing.SharedMemory as one uses it by hand: an array is copied into a block, a Pipe says that it is there,
the other process maps the block the first time and sees it as an array."""

import multiprocessing
from multiprocessing import shared_memory

from measure import SIZES, Suite, skip

try:
    import numpy
except ImportError:
    skip("this interpreter has no numpy")


def serve(pipe):
    mapped = {}
    while True:
        name, size = pipe.recv()
        if name is None:
            break
        if name not in mapped:
            mapped[name] = shared_memory.SharedMemory(name)
        array = numpy.frombuffer(mapped[name].buf, dtype=numpy.float64, count=size // 8)
        pipe.send(len(array))
        del array
    for block in mapped.values():
        block.close()


def main():
    suite = Suite()
    ours, theirs = multiprocessing.Pipe()
    blocks = {}
    for size in SIZES:
        if suite.wanted(f"array_over/{size}"):
            blocks[size] = shared_memory.SharedMemory(create=True, size=size)
    child = multiprocessing.Process(target=serve, args=(theirs,))
    child.start()

    def copy_and_tell(size, array):
        numpy.copyto(numpy.frombuffer(blocks[size].buf, dtype=numpy.float64, count=size // 8), array)
        ours.send((blocks[size].name, size))
        return ours.recv()

    for size in blocks:
        array = numpy.ones(size // 8)
        suite.add(f"array_over/{size}", lambda size=size, array=array: copy_and_tell(size, array))
    try:
        suite.run()
    finally:
        ours.send((None, 0))
        child.join()
        for block in blocks.values():
            block.close()
            block.unlink()


if __name__ == "__main__":
    main()
