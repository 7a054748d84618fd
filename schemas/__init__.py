"""Contracts: every event and every configuration file, as pydantic models. Imports nothing of ours."""
