import gc
import threading
import time

from py4cpp import _native

loops = []


def begin(feed):
    loops[:] = [iter(feed)]


def take():
    return float(next(loops[0])["x"][0])


def take_or_end():
    """What the loop gives, None when it has ended; once it has, it stays so."""
    batch = next(loops[0], None)
    return None if batch is None else float(batch["x"][0])


def leave_in_a_cycle(feed):
    loop = iter(feed)
    next(loop)
    cycle = [loop]
    cycle.append(cycle)
    del loop, cycle
    gc.collect()


def epochs_in_threads(feed, threads, last):
    """What so many threads got, each of which begins another loop when one ends, until one of them got the last."""
    got, done = [], threading.Event()

    def read():
        while not done.is_set():
            for batch in feed:
                got.append(float(batch["x"][0]))
                if got[-1] == last:
                    done.set()

    workers = [threading.Thread(target=read) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return got


def ends_of_bodies(feed):
    """When each body of the loop was done, by the monotonic clock."""
    ends = []
    for _ in feed:
        time.sleep(0.005)
        ends.append(time.monotonic())
    return ends


def wait_for_slots(feed, published, slots, last):
    """How many batches there were. In each second body, waits until C++ has published what it can."""
    taken = 0
    for _ in feed:
        taken += 1
        if taken % 2:
            while published[0] < min(taken - 1 + slots, last):
                time.sleep(0.001)
    return taken


def refused(feed):
    """The errors of what its native half can't use."""
    attempts = [
        lambda: _native.FeedLoop(feed.name),
        lambda: _native.FeedReader(None, 2),
        lambda: feed.__init__(print, 2, ""),
        lambda: feed.__reduce__(),
    ]
    errors = []
    for attempt in attempts:
        try:
            attempt()
        except Exception as error:
            errors.append(type(error).__name__)
    return errors
