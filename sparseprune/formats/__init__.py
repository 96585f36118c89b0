"""What lies on disk: masks and checkpoints, each one safetensors file; never pickle."""
