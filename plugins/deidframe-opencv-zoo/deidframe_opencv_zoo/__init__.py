"""Detector `yunet` and encoder `sface`."""
