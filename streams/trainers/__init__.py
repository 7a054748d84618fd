"""Trainers: who makes a candidate out of a dataset. `choose.trainer_of` names the one that a monitor file asks for."""
