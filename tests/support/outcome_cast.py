"""One unittest of each outcome, in a module that pytest does not collect."""

import unittest

SKIPPED = "The server has no such function."


class Base(unittest.TestCase):
    def test_inherited(self):
        self.fail("as declared")


class Cast(Base):
    """One test of each outcome."""

    def test_error(self):
        raise ValueError("two\nlines")

    @unittest.expectedFailure
    def test_expected(self):
        self.fail("as declared")

    def test_failure(self):
        self.fail("Boom")

    def test_pass(self):
        pass

    @unittest.skip(SKIPPED)
    def test_skip(self):
        pass

    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)  # noqa: PT009 (unittest's result is the subject)

    def test_subtest_skipped(self):
        with self.subTest(number=1):
            self.skipTest(SKIPPED)

    @unittest.expectedFailure
    def test_unexpected(self):
        pass


class Broken(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest(SKIPPED)

    def test_never(self):
        pass
