"""Encoder `age-sex`: apparent age and sex of faces."""
