"""Actions of the scheduler's tests, where worker processes can import them."""


def touch(path, progress):
    progress(0.5, "half")
    path.write_text("x")


def fail(error, progress):
    raise error


def die(progress):
    import os

    os._exit(9)
