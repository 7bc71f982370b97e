"""Partitions with at least k people in every group."""
