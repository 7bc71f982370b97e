"""From faces to protected faces: groups, targets, pictures."""
