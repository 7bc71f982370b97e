"""Whole photos: every face is covered where it is, and what is released is looked at again."""
