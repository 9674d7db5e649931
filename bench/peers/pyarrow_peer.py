"""Arrow Flight (pyarrow): an action as a call, and an array given as a record batch, to a server in another process."""

import multiprocessing

from measure import SIZES, Suite, skip

try:
    import numpy
    import pyarrow
    from pyarrow import flight
except ImportError as missing:
    skip(str(missing))


class Server(flight.FlightServerBase):
    def do_action(self, context, action):
        yield flight.Result(str(int(action.body.to_pybytes())).encode())

    def do_put(self, context, descriptor, reader, writer):
        for _ in reader:
            pass


def serve(pipe):
    server = Server("grpc://127.0.0.1:0")
    pipe.send(server.port)
    server.serve()


def main():
    suite = Suite()
    start = multiprocessing.get_context("spawn")
    ours, theirs = start.Pipe()
    child = start.Process(target=serve, args=(theirs,), daemon=True)
    child.start()
    client = flight.connect(f"grpc://127.0.0.1:{ours.recv()}")

    def call():
        return int(next(client.do_action(flight.Action("int", b"5"))).body.to_pybytes())

    def put(batch):
        writer, _ = client.do_put(flight.FlightDescriptor.for_path("x"), batch.schema)
        writer.write_batch(batch)
        writer.close()

    suite.add("call", call)
    for size in SIZES:
        batch = pyarrow.record_batch({"x": numpy.ones(size // 8)})
        suite.add(f"array_over/{size}", lambda batch=batch: put(batch))
    suite.run()
    child.terminate()
    child.join()


if __name__ == "__main__":
    main()
