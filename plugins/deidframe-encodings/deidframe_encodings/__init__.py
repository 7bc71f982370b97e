"""Source `encodings`: start from encodings instead of pictures."""
