"""Where the head and its points are: localizer (photo to box) and aligner (head to points).

Reads photos, folds and the labelled photos' annotations; writes contract 1."""
