"""Actions of the scheduler's tests, where worker processes can import them."""

import time


def touch(path, progress):
    progress(0.5, "half")
    time.sleep(0.3)  # a message travels beside the result, and can be overtaken by it
    path.write_text("x")


def fail(error, progress):
    raise error


def die(progress):
    import os

    os._exit(9)
