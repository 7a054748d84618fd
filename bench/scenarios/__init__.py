"""Measurements of our worker alone, by the name in the results. Each returns plain data and judges nothing."""
