"""Named parts of animals in a photo, from few labels: any number of parts, several animals or none.

Reads photos, folds and boxes in any format of annotations/; writes contract 1, a row a part found."""
