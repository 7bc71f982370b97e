"""Pure functions from outcomes to figures; nothing here reads or writes."""
