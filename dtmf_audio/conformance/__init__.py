"""What the standards ask for, as measurements: of senders, and of any decoder."""
