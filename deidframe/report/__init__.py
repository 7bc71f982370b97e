"""Records to tables, figures and pages; never runs anything."""
