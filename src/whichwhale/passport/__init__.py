"""Passports: the aligned head, kept with a margin so that training, views and jitter are one warp from the store (contract 2)."""
