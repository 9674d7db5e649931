import numpy
import py4cpp


def read_all(feed):
    """The sums of every batch."""
    return [float(batch["x"].sum()) for batch in feed]


def count(feed):
    return sum(1 for _ in feed)


def tell_of_each(feed):
    for _ in feed:
        told()


def rows(feed):
    return [(batch["x"].shape[0], int(batch["label"].sum())) for batch in feed]


def shared(feed):
    return all(py4cpp.is_shared(array) for batch in feed for array in batch.values())


def epochs(feed, count):
    return [[float(batch["x"][0]) for batch in feed] for _ in range(count)]


def keep_all(feed):
    return [batch["x"] for batch in feed]


def keep_epochs(feed, count):
    kept = []
    for _ in range(count):
        kept.append([batch["x"] for batch in feed])
        yield [float(x[0]) for x in kept.pop()]


def keep_in_threads(feed, count, told):
    """How many batches its loops got, and what ended them. Those that are told to copy say so at once."""
    from concurrent.futures import ThreadPoolExecutor

    kept = []

    def keep():
        try:
            for batch in feed:
                kept.append(batch["x"])
        except BufferError:
            told()
            return "BufferError"
        return "end"

    with ThreadPoolExecutor(count) as pool:
        ends = [task.result() for task in [pool.submit(keep) for _ in range(count)]]
    return len(kept), sorted(ends)


def ends_in_threads(feed, count):
    """What ended each of so many loops, after all of them. Until then the errors keep what the loops had."""
    from concurrent.futures import ThreadPoolExecutor

    def read():
        for batch in feed:  # in a variable, which a traceback keeps; that of a comprehension it doesn't from 3.12 on
            batch["x"].sum()

    with ThreadPoolExecutor(count) as pool:
        tasks = [pool.submit(read) for _ in range(count)]
    return [type(task.exception()).__name__ for task in tasks]


def interrupted_beside_a_thread(feed, both_hold_one):
    """What ended a loop in a thread, when another was interrupted whose exception keeps it, and its batch."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    both = threading.Barrier(2)

    def read(told):
        for batch in feed:
            batch["x"].sum()
            both.wait()
            told()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(read, lambda: None)
        try:
            read(both_hold_one)
        except KeyboardInterrupt as interrupt:
            kept = interrupt
            return type(other.exception()).__name__, type(kept).__name__


def work_behind(feed):
    """Reads in a thread, and works on what that has read, slowly."""
    import queue
    import threading
    import time

    batches, done = queue.Queue(), []

    def read():
        try:
            for batch in feed:
                batches.put(batch)
                batch = None
        finally:
            batches.put(None)

    reader = threading.Thread(target=read)
    reader.start()
    while (batch := batches.get()) is not None:
        time.sleep(0.005)
        done.append(float(batch["x"][0]))
    reader.join()
    return done


def fork_at_each(feed):
    """Each batch is in the hands of a child, too, which ends after a while."""
    import os
    import time

    got, children = [], []
    for batch in feed:
        got.append(float(batch["x"][0]))
        child = os.fork()
        if child == 0:
            time.sleep(0.05)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return got


def keep_all_inside(feed):
    outer = iter(feed)
    first = next(outer)
    return [first] + [batch["x"] for batch in feed]


def keep_until_told(feed):
    kept, count, loop = [], 0, iter(feed)
    while True:
        try:
            kept.append(next(loop))
            count += 1
        except BufferError:
            kept.clear()
        except StopIteration:
            return count


def keep_copies(feed):
    return [float(x[0]) for x in [batch["x"].copy() for batch in feed]]


def fail_after(feed, count):
    for index, _ in enumerate(feed):
        if index + 1 == count:
            raise ValueError("enough")


def read_some(feed, count):
    for index, _ in enumerate(feed):
        if index + 1 == count:
            return index + 1


def catch(feed):
    import traceback

    try:
        for _ in feed:
            pass
    except py4cpp.HostError as error:
        return str(error)
    return "no error"


def read_until_failure(feed):
    count = 0
    try:
        for _ in feed:
            count += 1
            wait()
    except py4cpp.HostError:
        return count


def in_threads(feed, count):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(count) as pool:
        return sum((task.result() for task in [pool.submit(read_all, feed) for _ in range(count)]), [])
