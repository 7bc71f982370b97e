"""Encoders `age-sex` and `expression`: apparent age, sex and expression of faces."""
