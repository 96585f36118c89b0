"""Processes that fork after the library was loaded, and after sessions have run."""

import pytest

# A child runs the session it inherited, then one of its own; a hang is killed by the alarm.
FORK = """
    import os, signal, sys
    import numpy as np
    from sparseprune import onnxruntime

    def open_session():
        return onnxruntime.session(
            sys.argv[1], provider="sparseprune", threads=int(sys.argv[2]), min_sparsity=0
        )

    x = np.random.default_rng(0).standard_normal((64, 3, 17, 17)).astype(np.float32)
    session = open_session()
    expected = session.run(None, {"x": x})[0]
    if os.fork() == 0:
        signal.alarm(20)
        same = np.array_equal(session.run(None, {"x": x})[0], expected)
        # Other shapes: plans and workspaces are made in the child.
        y = session.run(None, {"x": x[:5, :, :9, :9]})[0]
        again = np.array_equal(open_session().run(None, {"x": x[:5, :, :9, :9]})[0], y)
        os._exit(0 if same and again else 1)
    assert np.array_equal(session.run(None, {"x": x})[0], expected)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_a_child_runs_what_it_inherited(threads, run_script):
    assert run_script(FORK, str(threads)) == "0\n"
