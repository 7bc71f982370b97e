"""What is kept outside the run folder, so that a kill costs a minute and a second run nothing."""
