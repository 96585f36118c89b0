"""The GPU suite: our kernels and slimmed networks against what torch has for the same layers."""
