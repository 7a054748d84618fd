"""Offline tests of a candidate: one file a test, `run` for all of them."""
