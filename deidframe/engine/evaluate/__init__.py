"""What a release keeps and what an attacker reads from it."""
