"""Classifiers and embedding models: who is on the passport. Reads a passport store and folds, writes contract 3."""
