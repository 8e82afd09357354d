"""What a call sends, decided once, without a framework."""
