"""Components of plugins: made, called, guarded and checked in one place."""
