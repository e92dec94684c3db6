"""What systems share in judging a received picture and mending it."""
