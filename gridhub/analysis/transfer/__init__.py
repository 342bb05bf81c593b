"""How much one area can send to another."""
