"""k-Same: fixed-size groups, outlier handlers, the centroid and the pixel mean."""
