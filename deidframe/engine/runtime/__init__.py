"""What any long run needs, whatever it does: progress, seeds, time limits, crashes."""
