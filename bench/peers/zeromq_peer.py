"""ZeroMQ with pickle: request and reply between two Python processes over a local socket."""

import builtins
import multiprocessing
import os
import tempfile

from measure import SIZES, Suite, skip

try:
    import numpy
    import zmq
except ImportError as missing:
    skip(str(missing))


def serve(address):
    socket = zmq.Context().socket(zmq.REP)
    socket.bind(address)
    while True:
        name, argument = socket.recv_pyobj()
        socket.send_pyobj(getattr(builtins, name)(argument) if name in ("int",) else None)
        if name == "stop":
            return


def main():
    suite = Suite()
    with tempfile.TemporaryDirectory() as directory:
        address = f"ipc://{os.path.join(directory, 'socket')}"
        child = multiprocessing.Process(target=serve, args=(address,))
        child.start()
        socket = zmq.Context().socket(zmq.REQ)
        socket.connect(address)

        def ask(name, argument=None):
            socket.send_pyobj((name, argument), protocol=5)
            return socket.recv_pyobj()

        suite.add("call", lambda: ask("int", "5"))
        for size in SIZES:
            array = numpy.ones(size // 8)
            suite.add(f"array_over/{size}", lambda array=array: ask("take", array))
        suite.run()
        ask("stop")
        child.join()


if __name__ == "__main__":
    main()
