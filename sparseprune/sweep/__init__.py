"""Many runs at once: methods x ratios x seeds x networks, on this machine or on a Ray cluster.

A sweep is a graph of stages, each with an address that says what it computes; what two runs share
has one address and is made once, and what an earlier sweep left in the folder is found again.
"""
