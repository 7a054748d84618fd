"""The science: summaries, detectors, estimates, learners, policies. Pure: no I/O, no clock, no global randomness."""
