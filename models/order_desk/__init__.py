"""The order desk, what people do: take, repeat, offer, edit, match."""
