"""The catalogue: have I seen this animal before, and if so, which one? Gallery on disk, search, calibrated answers."""
