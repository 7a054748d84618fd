"""Curation: which rows are worth a label, within a budget."""
