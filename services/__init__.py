"""The services: one folder each, deployed alone."""
