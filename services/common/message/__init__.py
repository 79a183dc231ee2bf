"""What several services read off the raw bytes and texts of a message; pure."""
