import gc
import threading

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
    loop.itself = loop
    del loop
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


def refused(feed):
    """The errors of what its native half can't use."""
    attempts = [
        lambda: _native.FeedLoop(feed.name),
        lambda: feed._begin(None),
        lambda: feed._gives({}),
        lambda: feed._gives({"x": 1}),
        lambda: feed._in_turn(None),
        lambda: feed._answer(),
        lambda: _native.FeedReader()._answer(),
    ]
    errors = []
    for attempt in attempts:
        try:
            attempt()
        except Exception as error:
            errors.append(type(error).__name__)
    return errors
