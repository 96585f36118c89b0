"""GPU kernels in Triton: one file an operation, with its plain reference and its launcher.

Import the file of the operation (``sparseprune.kernels.grouped_linear``); this module imports
nothing, so that it can be named on machines without Triton.
"""
