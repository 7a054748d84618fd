"""Retraining policies: the behaviour of the tree that `schemas.policy_spec` declares, one file a policy. Pure."""
