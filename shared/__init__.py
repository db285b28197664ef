"""The platform: what at least two services need, and nothing else."""
