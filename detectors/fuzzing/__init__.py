"""Rows made from declared types: valid ones that nobody sent yet."""
