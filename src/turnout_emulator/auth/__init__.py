"""How requests prove who sent them."""
