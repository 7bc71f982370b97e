"""What will run: a recipe resolved against what is installed and against its database."""
