"""What becomes of each record of a batch."""
