"""Proposals: written from evidence, approved beyond doubt, tracked to the result."""
