"""What channels are told."""
