"""What every component stands on; nothing here is a component."""
