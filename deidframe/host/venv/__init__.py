"""Plugins in a virtual environment of their own: a process of that environment does their work, arrays go over a pipe."""
