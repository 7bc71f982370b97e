"""What the user asked for: TOML, checked completely before anything runs."""
