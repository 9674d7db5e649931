"""What the tests of the worker's conversions share: the pair of sides, and that nothing is left in them."""

import gc
import unittest

import roundtrip

try:
    import numpy as np
except ImportError:
    np = None

LIMIT = 4096
ARENA = 64 << 20  # bytes, of each side's


def needs_numpy(test):
    return unittest.skipIf(np is None, "needs numpy")(test)


class Case(unittest.TestCase):
    def setUp(self):
        roundtrip.start(LIMIT)

    def tearDown(self):
        gc.collect()
        state = roundtrip.state()
        self.assertEqual((state["objects"], state["host_blocks"], state["worker_blocks"]), (0, 0, 0))
        roundtrip.stop()

    def same(self, value):
        back = roundtrip.roundtrip(value)
        self.assertIs(type(back), type(value))
        self.assertEqual(back, value)
        return back
