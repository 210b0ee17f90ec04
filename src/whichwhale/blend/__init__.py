"""From the files of fitted models to one probability a whale: assembled tables, pools, scores, provenance."""
