"""Run folders (contract 4): what was fitted, from what, with what, and what came out."""

from whichwhale.runs.folder import RunError, RunFolder, fitted_folds

__all__ = ["RunError", "RunFolder", "fitted_folds"]
