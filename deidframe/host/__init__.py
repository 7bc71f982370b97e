"""Which plugins exist, and how one of them is loaded without trusting it."""
