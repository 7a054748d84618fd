"""Signals, one file each: what is read off a closed pane, and what is worth telling."""
