"""iceoryx2 from Python: a sample there and one back, through shared memory. Both sides poll without pause, as it has no
call: what is measured is the exchange of samples alone. An array is a loaned sample that nobody writes to or reads."""

import ctypes
import multiprocessing
import os

from measure import SIZES, Suite, skip

try:
    import iceoryx2
except ImportError as missing:
    skip(str(missing))

Payload = iceoryx2.Slice[ctypes.c_uint8]


class End:
    """Sends on one service, receives on another."""

    def __init__(self, outgoing, incoming, largest):
        iceoryx2.set_log_level(iceoryx2.LogLevel.Fatal)
        self.node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
        self.services = [
            self.node.service_builder(iceoryx2.ServiceName.new(f"{name}/{os.environ['BENCH_SESSION']}"))
            .publish_subscribe(Payload)
            .open_or_create()
            for name in (outgoing, incoming)
        ]
        self.publisher = self.services[0].publisher_builder().initial_max_slice_len(largest).create()
        self.subscriber = self.services[1].subscriber_builder().create()

    def send(self, size):
        self.publisher.loan_slice_uninit(size).assume_init().send()

    def receive(self):
        """The size of the next sample, None if none comes in 10 s."""
        for _ in range(20_000_000):
            sample = self.subscriber.receive()
            if sample is not None:
                size = sample.payload().len()
                sample.delete()
                return size
        return None

    def close(self):  # nothing of it is left in /dev/shm but iceoryx2's own lock, of 16 bytes
        self.subscriber.delete()
        self.publisher.delete()
        del self.subscriber, self.publisher, self.services, self.node


def serve():
    end = End("pong", "ping", 64)
    end.send(1)
    while end.receive() not in (1, None):
        end.send(8)
    end.close()


def main():
    suite = Suite()
    os.environ["BENCH_SESSION"] = str(os.getpid())
    end = End("ping", "pong", max(SIZES))
    child = multiprocessing.get_context("spawn").Process(target=serve, daemon=True)
    child.start()
    if end.receive() is None:
        child.kill()
        skip("iceoryx2's other process does not answer")

    def exchange(size):
        end.send(size)
        end.receive()

    suite.add("call", lambda: exchange(8))
    for size in SIZES:
        suite.add(f"array_over/{size}", lambda size=size: exchange(size))
    suite.run()
    end.send(1)
    child.join()
    end.close()


if __name__ == "__main__":
    main()
