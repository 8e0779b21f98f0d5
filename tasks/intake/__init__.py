"""What channels are asked for: orders, payments, articles, methods."""
