"""What files exist and which may be read, mounted or sent."""
