"""Source `synthetic-people`: people who do not exist."""
